// Training killed at any moment (R8): by file operation – each write of a cached embedding, a state, the bank – and by the clock.
// The same command again goes on and ends in the bytes of an undisturbed run.

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileStore } from "@biovlm/files/node";
import { cases, seeded, soak } from "@biovlm/testkit";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { folder, writeClasses } from "./call.js";
import { compile, counted, type Ended, killedAt, start } from "./program.js";

vi.setConfig({ testTimeout: soak ? 3_000_000 : 240_000 });
beforeAll(compile, 300_000);

const random = seeded(88);
const RUNTIME = ["--device", "cpu", "--threads", "1"];

interface Disturbed {
  readonly words: readonly string[];
  readonly cwd: string;
  /** texts in the paths of what is written, one for each stage */
  readonly parts: readonly string[];
  /** full count of kills */
  readonly kills: number;
  /** after each kill: nothing torn */
  readonly whole: (home: string, when: string) => Promise<void> | void;
  /** before each round */
  readonly clear: () => void;
  /** after the last run of a round */
  readonly ended: (last: Ended, when: string) => void;
}

/** Rounds of up to four kills and a last run, until enough were killed. Returns kills by stage. */
async function disturb({ words, cwd, parts, kills, whole, clear, ended }: Disturbed): Promise<Record<string, number>> {
  const counts = join(folder("count"), "count.json");
  clear();
  const began = performance.now();
  const first = await start(words, cwd, { env: { BIOVLM_HOME: folder("home"), ...counted(parts, counts) } });
  expect([first.code, first.err]).toEqual([0, expect.not.stringContaining("error")]);
  const duration = performance.now() - began;
  ended(first, "undisturbed");
  const operations = JSON.parse(readFileSync(counts, "utf8")) as Record<string, number>;
  for (const part of parts) expect([part, operations[part]]).toEqual([part, expect.any(Number)]);
  const killed: Record<string, number> = Object.fromEntries([...parts, "clock"].map((part) => [part, 0]));
  const sum = () => Object.values(killed).reduce((a, b) => a + b, 0);
  for (let round = 0; sum() < kills; round++) {
    const home = folder("home");
    clear();
    let last: Ended | undefined;
    for (let i = 0; i < 4 && last?.code !== 0 && sum() < kills; i++) {
      // the stage with the fewest kills so far, so that all have their share
      const stage = Object.entries(killed).sort((a, b) => a[1] - b[1] || random.next() - 0.5)[0]![0];
      const n = 1 + random.below(operations[stage] ?? 0);
      const when = random.pick(["before", "within", "after"] as const);
      const delay = random.below(duration);
      last =
        stage === "clock"
          ? await start(words, cwd, {
              env: { BIOVLM_HOME: home },
              act: (child) => {
                const timer = setTimeout(() => child.kill("SIGKILL"), delay);
                child.once("exit", () => clearTimeout(timer));
              },
            })
          : await start(words, cwd, { env: { BIOVLM_HOME: home, ...killedAt({ part: stage, n, when }) } });
      const title = `round ${round}, ${stage === "clock" ? `${delay.toFixed(0)} ms` : `${when} operation ${n} on ${stage}`}`;
      if (last.signal === "SIGKILL") killed[stage]!++;
      else expect([title, last.code, last.err]).toEqual([title, 0, expect.not.stringContaining("error")]);
      await whole(home, title);
    }
    if (last?.code !== 0) last = await start(words, cwd, { env: { BIOVLM_HOME: home } });
    expect([round, last.code, last.err]).toEqual([round, 0, expect.not.stringContaining("error")]);
    ended(last, `round ${round}`);
  }
  return killed;
}

/** Every entry that can be seen in a store is whole: none reads as damaged. */
async function wholeStore(place: string, when: string): Promise<void> {
  const warnings: string[] = [];
  const store = fileStore(place, { onWarning: (message) => warnings.push(message) });
  for (const key of await store.list("")) expect([when, key, (await store.get(key)) === undefined]).toEqual([when, key, false]);
  expect(warnings).toEqual([]);
}

describe("killed at any moment (R8)", () => {
  it("train goes on to the bytes of an undisturbed run, and shows the old bank or the new one", async () => {
    const cwd = folder("train");
    writeClasses(join(cwd, "scans"), 2, 8);
    const bank = join(cwd, "scans.bank.safetensors");
    const recipe = ["--set", "epochs=6", "--set", "prompts=3", "--set", "batch=4", "--views-per-image", "2"];
    let wanted: Buffer | undefined;
    let resumed = 0;
    const killed = await disturb({
      words: ["train", "scans", "--out", "scans.bank.safetensors", ...recipe, ...RUNTIME],
      cwd,
      parts: ["embeddings/views", "embeddings/embeddings", "checkpoints", "scans.bank.safetensors"],
      kills: cases(200, 29),
      clear: () => writeFileSync(bank, "an older bank"),
      async whole(home, when) {
        const bytes = readFileSync(bank);
        if (!bytes.equals(Buffer.from("an older bank"))) expect([when, bytes.equals(wanted!)]).toEqual([when, true]);
        for (const place of ["cache/embeddings", "cache/checkpoints"]) await wholeStore(join(home, place), when);
      },
      ended(last, when) {
        wanted ??= readFileSync(bank);
        expect([when, readFileSync(bank).equals(wanted)]).toEqual([when, true]);
        expect(readdirSync(cwd).sort()).toEqual(["scans", "scans.bank.safetensors"]);
        if (last.err.includes("went on after epoch")) resumed++;
      },
    });
    expect(wanted!.length).toBeGreaterThan(1000);
    expect(resumed).toBeGreaterThan(0);
    for (const [stage, count] of Object.entries(killed)) expect([stage, count > 0]).toEqual([stage, true]);
    console.log(`train killed: ${JSON.stringify(killed)}; last runs that resumed a state: ${resumed}`);
  });

  it("sweep goes on to the results of an undisturbed run", async () => {
    const cwd = folder("sweep");
    for (const [i, name] of ["one", "two"].entries()) writeClasses(join(cwd, name), 2, 8, i);
    const out = join(cwd, "sweep");
    const recipe = ["--recipe", "biovlm", "--variant", "epochs=3,prompts=2,batch=4", "--views-per-image", "2"];
    const plan = ["--shots", "2", "--seeds", "1", "--method", "zero-shot", "--method", "linear-probe"];
    const figures = () =>
      (JSON.parse(readFileSync(join(out, "results.json"), "utf8")) as { cells: Record<string, unknown>[] }).cells.map(
        ({ seconds, ...cell }) => {
          expect(seconds).toBeGreaterThanOrEqual(0); // the one thing that is measured and not computed
          return cell;
        },
      );
    let wanted: ReturnType<typeof results> | undefined;
    const results = () => ({
      cells: figures(),
      csv: readFileSync(join(out, "results.csv"), "utf8"),
      md: readFileSync(join(out, "results.md"), "utf8"),
      html: readFileSync(join(out, "results.html"), "utf8"),
    });
    const killed = await disturb({
      words: ["sweep", "one", "two", "--out", "sweep", ...plan, ...recipe, ...RUNTIME],
      cwd,
      parts: ["cache/embeddings", "sweep/cells", "sweep/results.json", "sweep/results.md"],
      kills: cases(60, 12),
      clear: () => rmSync(out, { recursive: true, force: true }),
      async whole(home, when) {
        await wholeStore(join(home, "cache/embeddings"), when);
        await wholeStore(out, when);
        if (existsSync(join(out, "results.json"))) expect(figures()).toEqual(wanted!.cells);
      },
      ended(_, when) {
        wanted ??= results();
        expect([when, results()]).toEqual([when, wanted]);
        expect(readdirSync(out).sort()).toEqual(["cells", "results.csv", "results.html", "results.json", "results.md"]);
      },
    });
    expect(wanted!.cells).toHaveLength(6);
    for (const [stage, count] of Object.entries(killed)) expect([stage, count > 0]).toEqual([stage, true]);
    console.log(`sweep killed: ${JSON.stringify(killed)}`);
  });
});
