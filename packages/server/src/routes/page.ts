// The browser page at `/`, where its built files were handed in: static and the same for everyone, so it needs no key. It computes in the visitor's
// tab; /server.json tells it that this server answers too, where a person wants that. Without the files, `/` says where the documents are.

import type { FastifyInstance } from "fastify";
import type { ApiKey } from "../auth.js";
import type {} from "../fastify-types.js";
import type { ServingOptions } from "../options.js";
import type { PageFiles } from "../page-files.js";
import type { ServerFacts } from "../schemas/served.js";

const NO_PAGE = "BioVLM. Research use only, not a medical device. Routes: /docs, /openapi.json\n";
/** The built page says there that nobody answers: so it is where the page is served alone. */
const FACTS = "/server.json";

/** @param keys those that may call, as they are now */
export function pageRoutes(
  app: FastifyInstance,
  page: PageFiles | undefined,
  { maxImages, maxImageBytes, maxBodyBytes }: ServingOptions,
  keys: () => readonly ApiKey[],
): void {
  const options = { schema: { hide: true }, config: { errors: "problem" } } as const;
  if (page === undefined) {
    app.get("/", options, async (_request, reply) => reply.type("text/plain; charset=utf-8").send(NO_PAGE));
    return;
  }
  app.get(FACTS, options, async (_request, reply): Promise<ServerFacts> => {
    // what it says may change with the next start, under the same address
    reply.headers({ "cache-control": "no-store", "cross-origin-resource-policy": "same-origin", "x-content-type-options": "nosniff" });
    return { answers: true, key: keys().length > 0, limits: { maxImages, maxImageBytes, maxBodyBytes } };
  });
  for (const path of page.paths.filter((path) => path !== FACTS)) {
    app.get(path, options, (request, reply) => {
      reply.hijack();
      page.answer(request.raw, reply.raw);
    });
  }
}
