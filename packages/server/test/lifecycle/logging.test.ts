// R19: what a client or a file says never reaches the log.

import Fastify, { type FastifyBaseLogger } from "fastify";
import { describe, expect, it } from "vitest";
import { ServerError } from "../../src/errors.js";
import { createLogger } from "../../src/lifecycle/logging.js";

const CANARY = "DOE^JANE-19560412";

describe("the log", () => {
  it("R19: holds no canary from path, query, header, body or error, and does hold route, status and code", async () => {
    const lines: string[] = [];
    const app = Fastify({ loggerInstance: createLogger("debug", { write: (line: string) => void lines.push(line) }) as FastifyBaseLogger });
    app.post("/v1/classify/:name", async (request) => {
      request.log.error({ err: new ServerError("bad_request", `about ${CANARY}`, { cause: new Error(CANARY) }) });
      throw new Error(`fault with ${CANARY}`);
    });
    app.setErrorHandler((error, request, reply) => {
      request.log.error({ err: error });
      return reply.code(500).send({});
    });
    await app.inject({
      method: "POST",
      url: `/v1/classify/${encodeURIComponent(CANARY)}?patient=${encodeURIComponent(CANARY)}`,
      headers: { "x-patient": CANARY, "content-type": "application/json", "user-agent": CANARY },
      payload: JSON.stringify({ name: CANARY }),
    });
    await app.inject({ method: "GET", url: `/${encodeURIComponent(CANARY)}` });
    await app.close();
    const text = lines.join("");
    expect(text).not.toContain(CANARY);
    expect(text).not.toContain(encodeURIComponent(CANARY));
    expect(text).toContain('"route":"/v1/classify/:name"');
    expect(text).toContain('"code":"bad_request"');
    expect(text).toContain('"status":500');
    expect(text).toContain("logging.test.ts");
  });
});
