// What is renewed while a server runs: by a change of its files alone, one after the other, and kept where the new is refused.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { createMetrics, type Reloads, watchRenewables } from "../../src/index.js";

const folder = mkdtempSync(join(tmpdir(), "biovlm-reloads-"));
let reloads: Reloads | undefined;
afterAll(() => {
  reloads?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it("renews what changed since it was first read, says what came of it, and all of it when told", async () => {
  const file = join(folder, "keys.json");
  writeFileSync(file, "1");
  let tries = 0;
  let refuse = false;
  const renew = async () => {
    tries++;
    if (refuse) throw Object.assign(new Error("secret text"), { code: "bad_option" });
  };
  const begin = await watchRenewables([{ what: "keys", files: [file], renew }]);
  // between the first look and the beginning: a start takes minutes
  writeFileSync(file, "2");
  const metrics = createMetrics({ processMetrics: false });
  const said: string[] = [];
  const hear = (fields: object, words: string) => said.push(`${words} ${JSON.stringify(Reflect.get(fields, "what"))}`);
  const logger = { info: hear, warn: hear } as never;
  reloads = begin({ metrics, logger, everyMs: 5 });
  await expect.poll(() => said).toEqual(['reloaded "keys"']);
  refuse = true;
  writeFileSync(file, "3");
  await expect.poll(() => said.at(-1)).toBe('reload refused "keys"');
  const text = await metrics.registry.metrics();
  expect(text).toContain('biovlm_reload_attempts_total{what="keys",outcome="refused"} 1');
  expect(text).toContain('biovlm_reload_attempts_total{what="keys",outcome="loaded"} 2');
  expect(text).toContain('biovlm_reload_last_successful{what="keys"} 0');
  expect(text).toMatch(/biovlm_reload_last_success_timestamp_seconds\{what="keys"\} 1\.?\d+/);
  // a refused file is not tried again until it changes, or until someone asks
  await new Promise((done) => setTimeout(done, 60));
  expect(tries).toBe(2);
  refuse = false;
  await reloads.reload();
  expect(tries).toBe(3);
  expect(await metrics.registry.metrics()).toContain('biovlm_reload_last_successful{what="keys"} 1');
});

it("renews keys while a bank takes its time", async () => {
  const [keys, bank] = [join(folder, "others.json"), join(folder, "bank")];
  for (const file of [keys, bank]) writeFileSync(file, "1");
  const done: string[] = [];
  let compiled = () => {};
  const compiling = new Promise<void>((resolve) => {
    compiled = resolve;
  });
  const begin = await watchRenewables([
    { what: "keys", files: [keys], renew: async () => void done.push("keys") },
    { what: "bank", files: [bank], renew: () => compiling },
  ]);
  const running = begin({ everyMs: 5 });
  try {
    writeFileSync(bank, "2");
    await new Promise((resolve) => setTimeout(resolve, 40));
    writeFileSync(keys, "2");
    await expect.poll(() => done).toEqual(["keys"]);
  } finally {
    compiled();
    running.stop();
  }
});
