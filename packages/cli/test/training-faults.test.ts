// Training on a full disk, a read-only folder, a damaged cache (R9): a typed error with the old bank intact, or the same bank. Never another.

import { execFile } from "node:child_process";
import { cpSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { cases, mutations, seeded, soak } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { call, folder, home, writeClasses } from "./call.js";
import { compile, killedAt, main, start } from "./program.js";

vi.setConfig({ testTimeout: soak ? 1_800_000 : 240_000 });
const random = seeded(99);
const RECIPE = [
  "--set",
  "epochs=4",
  "--set",
  "prompts=3",
  "--set",
  "batch=4",
  "--views-per-image",
  "2",
  "--device",
  "cpu",
  "--threads",
  "1",
  "--twins",
  "off",
];
const WORDS = ["train", "scans/", "--out", "scans.bank.safetensors", ...RECIPE];
const cwd = folder("faults");
const bank = join(cwd, "scans.bank.safetensors");
const OLD = Buffer.from("an older bank");
/** A home with every kind of entry in its cache: a run killed as it was about to write the bank. */
const filled = folder("filled");
let wanted = Buffer.alloc(0);
let measured: unknown;

/** What the program says it measured, from --json. */
const measuredIn = (out: string) => (JSON.parse(out) as { measured: unknown }).measured;
const files = () => readdirSync(cwd).sort();

beforeAll(async () => {
  compile();
  writeClasses(join(cwd, "scans"), 2, 8);
  const ended = await start([...WORDS, "--json"], cwd, { env: { BIOVLM_HOME: filled } });
  expect([ended.code, ended.err]).toEqual([0, expect.not.stringContaining("warning")]);
  wanted = readFileSync(bank);
  measured = measuredIn(ended.out);
  const killed = await start(WORDS, cwd, {
    env: { BIOVLM_HOME: filled, ...killedAt({ part: "scans.bank.safetensors", n: 1, when: "before" }) },
  });
  expect(killed.signal).toBe("SIGKILL");
}, 300_000);
afterAll(() => {
  process.env["BIOVLM_HOME"] = home;
});

describe("a damaged cache (R9)", () => {
  it("flipped, cut, zeroed or mixed up anywhere gives the same bank and the same figures", async () => {
    const entries = readdirSync(filled, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".~entry"));
    expect(entries.filter((name) => name.includes("checkpoint"))).toHaveLength(1);
    expect(entries.length).toBeGreaterThanOrEqual(12);
    const checkpoint = entries.find((name) => name.includes("checkpoint"))!;
    let resumed = 0;
    for (let i = 0; i < cases(100); i++) {
      const place = folder("damaged");
      cpSync(filled, place, { recursive: true });
      process.env["BIOVLM_HOME"] = place;
      for (let n = random.below(6); n >= 0; n--) {
        const target = join(place, n === 0 && i % 2 === 0 ? checkpoint : random.pick(entries));
        const bytes = readFileSync(target);
        const damage = random.below(5);
        if (damage === 0) writeFileSync(target, readFileSync(join(filled, random.pick(entries))));
        else if (damage === 1) writeFileSync(target, new Uint8Array(bytes.length));
        else if (damage === 2) writeFileSync(target, bytes.subarray(0, random.below(bytes.length)));
        else writeFileSync(target, [...mutations(random.below(1e9), bytes, 1)][0]!);
      }
      writeFileSync(bank, OLD);
      const ended = await call([...WORDS, "--json"], { cwd, env: { BIOVLM_HOME: place } });
      expect([i, ended.code, ended.err]).toEqual([i, 0, expect.not.stringContaining("error")]);
      expect([i, readFileSync(bank).equals(wanted), measuredIn(ended.out)]).toEqual([i, true, measured]);
      if (ended.err.includes("went on after epoch 4")) resumed++;
    }
    expect(resumed).toBeLessThan(cases(100));
    console.log(`damaged caches: ${cases(100)}, of which the state was still sound: ${resumed}`);
  });
});

describe("no room (R9)", () => {
  it("at a file-size limit ends in the same bank, or in disk_full with the old one", async () => {
    const outcomes = { same: 0, refused: 0, warned: 0 };
    // blocks have 512 or 1024 bytes: at 512 the bank has room in the upper half of them
    const roomy = 2 * Math.ceil(wanted.length / 512);
    for (let i = 0; i < cases(100, 20); i++) {
      const blocks = i === 0 ? 1 : i === 1 ? roomy : random.below(roomy);
      writeFileSync(bank, OLD);
      const ended = await start(WORDS, cwd, { env: { BIOVLM_HOME: folder("small") }, before: `ulimit -f ${blocks}` });
      if (ended.code === 0) {
        expect(readFileSync(bank).equals(wanted)).toBe(true);
        outcomes.same++;
        if (ended.err.includes("warning: the run cannot be resumed")) outcomes.warned++;
      } else {
        expect([blocks, ended.code, ended.err]).toEqual([blocks, 1, expect.stringContaining("error[disk_full]")]);
        expect(readFileSync(bank)).toEqual(OLD);
        outcomes.refused++;
      }
      expect(files()).toEqual(["scans", "scans.bank.safetensors"]);
    }
    expect(outcomes.same).toBeGreaterThan(0);
    expect(outcomes.refused).toBeGreaterThan(0);
    console.log(`file-size limits: ${JSON.stringify(outcomes)}`);
  });

  it("on a full or read-only file system costs the cache, or ends in a typed error with the old bank", async (ctx) => {
    const disk = join(folder("disk"), "disk");
    mkdirSync(disk);
    // a file system of its own in a mount namespace; what is on it at the end is listed before it goes
    const within = async (size: string, prepare: string, out: string) => {
      const words = WORDS.map((word) => (word === "scans.bank.safetensors" ? out : word));
      const quoted = [process.execPath, main, ...words].map((word) => `'${word}'`).join(" ");
      const script = `mount -t tmpfs -o size=${size} none ${disk} && echo old > ${disk}/bank && ${prepare} && { BIOVLM_HOME=${disk}/home ${quoted}; echo code $?; find ${disk} -type f -not -path '*/home/*'; cat ${disk}/bank | head -c 3; }`;
      return promisify(execFile)("unshare", ["-rm", "sh", "-c", script], { cwd, env: { ...process.env, NODE_OPTIONS: "" } });
    };
    const probe = await within("1m", "true", "elsewhere").then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (probe !== undefined) return ctx.skip(`skipped: no mount namespace here (${probe.slice(0, 120)})`);
    const outside = join(cwd, "elsewhere");
    for (let i = 0; i < cases(20, 20); i++) {
      const kilobytes = 12 + 4 * random.below(20);
      writeFileSync(outside, OLD);
      const full = await within(`${kilobytes}k`, `head -c 8192 /dev/zero > ${disk}/filler`, outside);
      expect([kilobytes, full.stdout, readFileSync(outside).equals(wanted)]).toEqual([
        kilobytes,
        expect.stringContaining("code 0\n"),
        true,
      ]);
      if (kilobytes < 40) expect(full.stderr).toContain("warning: embeddings are not kept for the next run");
      const refused = await within("8k", `head -c 4096 /dev/zero > ${disk}/filler`, `${disk}/bank`);
      expect([refused.stderr, refused.stdout]).toEqual([
        expect.stringContaining("error[disk_full]"),
        expect.stringMatching(/^code 1\n(\/.*\/(bank|filler)\n){2}old$/),
      ]);
    }
    writeFileSync(outside, OLD);
    const closed = await within("1m", `mount -o remount,ro ${disk}`, outside);
    expect([closed.stdout, readFileSync(outside).equals(wanted)]).toEqual([expect.stringContaining("code 0\n"), true]);
    expect(closed.stderr).toMatch(/warning: embeddings are not kept[^\n]*read-only[\s\S]*warning: the run cannot be resumed/);
    const refused = await within("1m", `mount -o remount,ro ${disk}`, `${disk}/bank`);
    expect([refused.stderr, refused.stdout]).toEqual([
      expect.stringContaining("error[not_permitted]"),
      expect.stringContaining("code 1\n"),
    ]);
  });

  it("in the log ends in disk_full, and the bank is there; in standard output too", async () => {
    writeFileSync(bank, OLD);
    const logged = await start([...WORDS, "--log", "/dev/full"], cwd, { env: { BIOVLM_HOME: filled } });
    expect([logged.code, logged.err]).toEqual([1, expect.stringContaining("error[disk_full]")]);
    expect(readFileSync(bank).equals(wanted)).toBe(true);
    const told = await start(WORDS, cwd, { env: { BIOVLM_HOME: filled }, before: "exec > /dev/full" });
    expect([told.code, told.err]).toEqual([1, expect.stringContaining("error[disk_full]: standard output")]);
  });

  it("where a file stands in the cache's place costs the cache alone", async () => {
    const place = folder("blocked");
    writeFileSync(join(place, "cache"), "not a folder");
    writeFileSync(bank, OLD);
    const ended = await start(WORDS, cwd, { env: { BIOVLM_HOME: place } });
    expect([ended.code, readFileSync(bank).equals(wanted)]).toEqual([0, true]);
    expect(ended.err.match(/warning: /g)).toHaveLength(2);
    expect(readFileSync(join(place, "cache"), "utf8")).toBe("not a folder");
  });

  it("to write the bank where a pipe or a folder is names the place and leaves it", async () => {
    const pipe = join(folder("pipe"), "pipe");
    await promisify(execFile)("mkfifo", [pipe]);
    for (const place of [pipe, "scans"]) {
      const ended = await start(["train", "scans/", "--out", place, ...RECIPE], cwd, { env: { BIOVLM_HOME: filled } });
      expect([place, ended.code, ended.err]).toEqual([place, 1, expect.stringContaining("error[io_error]")]);
    }
    expect([lstatSync(pipe).isFIFO(), readdirSync(join(cwd, "scans"))]).toEqual([true, expect.any(Array)]);
  });
});
