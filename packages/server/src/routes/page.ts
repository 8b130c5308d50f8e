// The browser page at `/`, where its built files were handed in: static and the same for everyone, so it needs no key. It classifies and learns in
// the visitor's tab and never calls this server's models. Without the files, `/` says where the documents are.

import type { FastifyInstance } from "fastify";
import type {} from "../fastify-types.js";
import type { PageFiles } from "../page-files.js";

const NO_PAGE = "BioVLM. Research use only, not a medical device. Routes: /docs, /openapi.json\n";

export function pageRoutes(app: FastifyInstance, page: PageFiles | undefined): void {
  const options = { schema: { hide: true }, config: { errors: "problem" } } as const;
  if (page === undefined) {
    app.get("/", options, async (_request, reply) => reply.type("text/plain; charset=utf-8").send(NO_PAGE));
    return;
  }
  for (const path of page.paths) {
    app.get(path, options, (request, reply) => {
      reply.hijack();
      page.answer(request.raw, reply.raw);
    });
  }
}
