// A server as the tests kill it: one slow route, drained on signals. Bundled and run by plain node.

import type { Engine } from "@biovlm/engine";
import Fastify from "fastify";
import { connectionLimits } from "../../src/lifecycle/connection-limits.js";
import { drainable, drainOnSignals } from "../../src/lifecycle/drain.js";
import { listen } from "../../src/lifecycle/listen.js";
import { servingOptions } from "../../src/options.js";

const options = servingOptions({
  port: Number(process.env["PORT"] ?? 0),
  requestTimeoutMs: Number(process.env["REQUEST_MS"] ?? 30_000),
  drainDelayMs: Number(process.env["DELAY_MS"] ?? 0),
});
const limits = await connectionLimits(options);
const app = Fastify({ ...limits, https: null } as object);
let ready = true;
const drainEngine = () => {
  ready = false;
};
const engine = { drain: drainEngine, readiness: () => ({ ready }), close: async () => {} } as unknown as Engine;
const drain = drainable(app as never, engine, options);
app.get("/readyz", async (_, reply) => reply.code(ready ? 200 : 503).send({ ready }));
app.get("/quick", async () => ({ pid: process.pid }));
let taken = 0;
app.post("/slow", async (request) => {
  console.log(`taken ${++taken}`);
  await new Promise((done) => setTimeout(done, 300));
  return { echoed: request.body };
});
drainOnSignals(drain, options, () => {});
console.log(await listen(app as never, options));
