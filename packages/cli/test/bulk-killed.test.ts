// `biovlm bulk plan --volumes` that is killed −9 while what it sorted lies on the disk: where that lies, who may read it, and who takes it away.

import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { call, folder } from "./call.js";
import { compile, killedAt, start } from "./program.js";

/** Paths of made-up files, more than a plan holds in memory (16 MiB). */
const place = folder("killed-plan");
const LONG = Array.from({ length: 16 }, (_, i) => `of-a-patient-${i}-${"x".repeat(220)}`).join("/");
beforeAll(() => {
  compile();
  const rows = Array.from({ length: 4600 }, (_, i) => JSON.stringify({ path: `${LONG}/${i}.dcm` }));
  writeFileSync(join(place, "list.jsonl"), `${rows.join("\n")}\n`);
}, 120_000);

const left = (store: string) => readdirSync(store).filter((name) => name.startsWith(".biovlm-"));
/** Ends itself by SIGKILL when it is about to remove what it sorted. */
async function killed(): Promise<string> {
  const store = folder("killed-store");
  const words = ["bulk", "plan", "list.jsonl", store, "--volumes", "--device", "cpu"];
  const { signal, err } = await start(words, place, { env: killedAt({ part: "/.biovlm-", n: 2, when: "before" }) });
  expect([signal, left(store).length], err).toEqual(["SIGKILL", 1]);
  return store;
}

describe("a plan that was killed", () => {
  it("leaves what it sorted in the job's folder, closed to others, and bulk gc removes it", async () => {
    const store = await killed();
    const [name = ""] = left(store);
    if (process.platform !== "win32") expect(statSync(join(store, name)).mode & 0o777).toBe(0o700);
    const runs = readdirSync(join(store, name));
    expect(runs.map((run) => readFileSync(join(store, name, run), "utf8").includes("of-a-patient-0"))).toContain(true);
    // of files that were being written age alone says that they are left: another machine may be at work
    const half = [1, 2].map((n) => join(store, "plan", `.00000.jsonl.gz.999999-00000000000${n}.tmp`));
    for (const file of half) writeFileSync(file, "half");
    const twoDaysAgo = new Date(Date.now() - 2 * 86_400_000);
    utimesSync(half[0]!, twoDaysAgo, twoDaysAgo);
    const gc = await call(["bulk", "gc", store]);
    expect([gc.code, gc.err]).toEqual([3, expect.stringContaining("2 files or folders of killed processes removed")]);
    expect(left(store)).toEqual([]);
    expect(readdirSync(join(store, "plan")).filter((file) => file.endsWith(".tmp"))).toHaveLength(1);
  });

  it("is made again by the next one, which removes what the first left", async () => {
    const store = await killed();
    const again = await call(["bulk", "plan", "list.jsonl", store, "--volumes", "--device", "cpu", "--json"], { cwd: place });
    expect(again.code, again.err).toBe(0);
    expect([left(store), JSON.parse(again.out)]).toEqual([[], expect.objectContaining({ rows: 4600, planned: true })]);
  });
});
