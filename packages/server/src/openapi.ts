// The machine-readable documents at /openapi.json and the readable ones at /docs, made of the routes' own schemas: who may call an operation and what
// it is called stand beside its route.

import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import type {} from "./fastify-types.js";

/** A key comes in either header. */
const SECURITY = [{ bearer: [] }, { header: [] }];

export async function documents(app: FastifyInstance, version: string): Promise<void> {
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
    transform: ({ schema, url, route }) => ({
      url,
      schema: {
        ...(schema as object),
        // of a body that the route reads itself
        ...(route.config?.documentedBody === undefined ? {} : { body: route.config.documentedBody }),
        security: route.config?.scope === undefined ? [] : SECURITY,
      },
    }),
  });
  app.get("/openapi.json", { schema: { hide: true } }, async () => (app as unknown as { swagger(): object }).swagger());
  await app.register(swaggerUi, { routePrefix: "/docs", staticCSP: true });
}
