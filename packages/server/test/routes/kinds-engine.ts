// An engine that serves the embedded model as "tiny" with a bank "kinds" of two classes, ready: on one thread, in this process.

import { createEngine, type Engine, type EngineOptions } from "@biovlm/engine";
import { tinyBank } from "@biovlm/testkit/tiny-bank";

export async function kindsEngine(more: Partial<EngineOptions> = {}): Promise<Engine> {
  const bank = async () => ({ name: "kinds", bytes: await tinyBank(["chest X-ray", "head CT"]) });
  const serve = more.serve ?? [{ name: "tiny", model: "tiny", bank: await bank() }];
  const { engine, ready } = await createEngine({ device: "cpu", threads: 1, pool: 0, ...more, serve });
  await ready;
  return engine;
}
