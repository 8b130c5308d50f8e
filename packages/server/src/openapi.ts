// The machine-readable documents at /openapi.json and the readable ones at /docs, made of the routes' own schemas: who may call an operation and what
// it is called stand beside its route.

import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import type {} from "./fastify-types.js";

/** A key comes in either header. */
const SECURITY = [{ bearer: [] }, { header: [] }];

/** Part of the document that is corrected. */
interface Operation {
  readonly operationId?: string;
  readonly requestBody?: { required?: boolean };
}

export async function documents(app: FastifyInstance, version: string): Promise<void> {
  // by operation: the library takes every body for required
  const optional = new Set<unknown>();
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "BioVLM",
        version,
        description:
          "Routed prompts for biomedical images. Research use only, not a medical device. No address in a request is ever fetched.",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      servers: [{ url: "/", description: "this server" }],
      tags: [
        { name: "native", description: "Images in, routed predictions out" },
        { name: "inference", description: "Open Inference Protocol v2, as KServe and Triton speak it" },
        { name: "openai", description: "Embeddings and models in OpenAI's shape" },
        { name: "admin", description: "What changes the server; needs the scope admin" },
        { name: "health", description: "What a platform asks a process" },
      ],
      components: {
        securitySchemes: {
          bearer: { type: "http", scheme: "bearer" },
          header: { type: "apiKey", in: "header", name: "X-API-Key" },
        },
      },
    },
    transform: ({ schema, url, route }) => {
      const said = schema as { readonly operationId?: string };
      if (route.config?.bodyOptional) optional.add(said.operationId);
      return {
        url,
        schema: {
          ...said,
          // other than what is enforced: of a body that the route reads itself, or refuses with words of its own
          ...(route.config?.documentedBody === undefined ? {} : { body: route.config.documentedBody }),
          security: route.config?.scope === undefined ? [] : SECURITY,
        },
      };
    },
    transformObject(document) {
      if (!("openapiObject" in document)) return document.swaggerObject;
      const { openapiObject } = document;
      for (const path of Object.values(openapiObject.paths ?? {}))
        for (const { operationId, requestBody } of Object.values(path ?? {}) as Operation[])
          if (requestBody !== undefined && optional.has(operationId)) requestBody.required = false;
      return openapiObject;
    },
  });
  app.get("/openapi.json", { schema: { hide: true } }, async () => (app as unknown as { swagger(): object }).swagger());
  await app.register(swaggerUi, { routePrefix: "/docs", staticCSP: true });
}
