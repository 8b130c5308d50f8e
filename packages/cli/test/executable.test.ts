// The built program as a person runs it: node dist/main.js in a process of its own. Signals, closed pipes, kills.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { cases, seeded, soak } from "@biovlm/testkit";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { folder, writePhantoms } from "./call.js";
import { compile, main, start } from "./program.js";

const root = join(import.meta.dirname, "../../..");
if (soak) vi.setConfig({ testTimeout: 900_000 });
beforeAll(compile, 300_000);

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

describe("the program", () => {
  it("can be started by name: the file that is linked names node, and says so where the program is not built", async () => {
    const { bin, version } = JSON.parse(readFileSync(join(root, "packages/cli/package.json"), "utf8")) as {
      bin: { biovlm: string };
      version: string;
    };
    const linked = join(root, "packages/cli", bin.biovlm);
    for (const file of [main, linked]) expect(readFileSync(file, "utf8").split("\n")[0]).toBe("#!/usr/bin/env node");
    expect(await start(["--version"], folder())).toMatchObject({ code: 0, out: `${version}\n`, err: "" });
    expect(spawnSync(linked, ["--version"], { encoding: "utf8" })).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: "" });
    const unbuilt = join(folder("unbuilt"), "biovlm.mjs");
    copyFileSync(linked, unbuilt);
    const said = spawnSync(process.execPath, [unbuilt, "--version"], { encoding: "utf8" });
    expect([said.status, said.stderr]).toEqual([1, "error[not_built]: biovlm is not built yet — run: npm run build\n"]);
  });

  it("loads nothing of our packages but the ground layer, and no runtime, for help", () => {
    const seen = new Set<string>();
    const outside = new Set<string>();
    // tables of options and names: held to the same rule
    const light = new Map([
      ["@biovlm/engine/options", "engine/dist/option-tables.js"],
      ["@biovlm/server/options", "server/dist/options.js"],
    ]);
    const visit = (path: string) => {
      if (seen.has(path)) return;
      seen.add(path);
      for (const [, specifier] of readFileSync(path, "utf8").matchAll(/^(?:import|export) (?:[^'"]*? from )?["']([^"']+)["']/gm)) {
        if (specifier!.startsWith(".")) visit(join(dirname(path), specifier!));
        else if (light.has(specifier!)) visit(join(root, "packages", light.get(specifier!)!));
        else if (!specifier!.startsWith("node:")) outside.add(specifier!);
      }
    };
    visit(main);
    expect(seen.size).toBeGreaterThan(20);
    expect([...outside].sort()).toEqual(["@biovlm/files", "commander", "picocolors"]);
  });

  it("runs for a user that the machine knows nothing of and in no environment, and says which folder it may not write to", (context) => {
    if (process.getuid?.() !== 0) return context.skip("skipped: only root may become another user");
    const run = (...words: string[]) =>
      spawnSync(process.execPath, [main, ...words], { cwd: "/", uid: 54_321, gid: 54_321, env: {}, encoding: "utf8" });
    expect(run("models", "ls", "--json")).toMatchObject({ status: 0, stderr: "" });
    const refused = run("models", "import", join(root, "packages/model-tiny/files"), "--name", "mine");
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringMatching(/^error\[not_permitted\]: writing \/.*BIOVLM_HOME\.$/m)]);
  });

  it.skipIf(process.platform !== "linux")("serves on, and ends in order, where its output goes to a disk that is full", async () => {
    const answers: number[] = [];
    let heard = "";
    const ended = await start(["serve", "--port", "0", "--pool", "0", "--threads", "1", "--drain-delay-ms", "0"], folder(), {
      before: "exec 1>/dev/full",
      act: (child) =>
        child.stderr?.on("data", (data: Buffer) => {
          const before = heard;
          heard += data.toString();
          if (!/^ready: /m.test(heard) || /^ready: /m.test(before)) return;
          const [, url] = /listening on (\S+);/.exec(heard)!;
          const ask = async () => {
            for (let i = 0; i < 20; i++)
              answers.push((await fetch(`${url}/livez`, { signal: AbortSignal.timeout(20_000) }).catch(() => ({ status: 0 }))).status);
            child.kill("SIGTERM");
          };
          void ask();
        }),
    });
    expect(answers).toEqual(Array<number>(20).fill(200));
    expect([ended.code, ended.err.includes("error[")]).toEqual([0, false]);
  });

  it("ends quietly when its reader goes away", async () => {
    const cwd = folder();
    writePhantoms(cwd, 4);
    const ended = await start(["classify", ".", "--class", "a", "--class", "b", "--jsonl", "--batch", "1"], cwd, {
      act: (child) => void child.stdout!.once("data", () => child.stdout!.destroy()),
    });
    expect(ended).toMatchObject({ code: 0, err: "Research use only, not a medical device.\n" });
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("stopped by %s ends in exit code %d, and the work goes on the next time", async (signal, code) => {
    const cwd = folder("signal");
    writePhantoms(cwd, 60);
    const words = ["embed", ".", "--out", "rows.safetensors", "--device", "cpu", "--batch", "2"];
    const ended = await start(words, cwd, {
      act: (child) => void whenJournalHolds(join(cwd, "rows.safetensors.journal"), 20).then(() => child.kill(signal)),
    });
    expect([ended.code, ended.out, ended.err]).toEqual([code, "", expect.stringContaining(`stopped by ${signal}`)]);
    expect(existsSync(join(cwd, "rows.safetensors"))).toBe(false);
    const next = await start([...words, "--json"], cwd);
    const summary = JSON.parse(next.out) as { rows: number; embedded: number; reused: number };
    expect([next.code, summary.rows]).toEqual([0, 360]);
    expect(summary.reused).toBeGreaterThanOrEqual(20);
  });
});

/** Waits until a journal holds that many rows, ten seconds at most: the last run may have ended without one. */
async function whenJournalHolds(path: string, rows: number): Promise<void> {
  for (let waited = 0; waited < 10_000; waited += 2) {
    const { size } = statSync(path, { throwIfNoEntry: false }) ?? { size: 0 };
    if (size >= 48 + rows * (36 + 128 * 4)) return;
    await sleep(2);
  }
}

describe("killed at any moment (R8)", () => {
  it("embed leaves nothing torn, and goes on to the same bytes", async () => {
    const cwd = folder("kill");
    writePhantoms(cwd, 20);
    const words = ["embed", ".", "--out", "rows.safetensors", "--device", "cpu", "--threads", "1", "--batch", "4"];
    expect((await start(words, cwd)).code).toBe(0);
    const digest = (name: string) =>
      createHash("sha256")
        .update(readFileSync(join(cwd, name)))
        .digest("hex");
    const wanted = ["rows.safetensors", "rows.safetensors.rows.jsonl"].map(digest);
    const random = seeded(8);
    const kills = cases(200, 67);
    let [killed, reused] = [0, 0];
    for (let round = 0; killed < kills; round++) {
      for (const name of readdirSync(cwd)) if (name.startsWith("rows.")) rmSync(join(cwd, name));
      // Several kills in a row on one output, then to the end.
      for (let i = 0; i < 3; i++) {
        const ended = await start(words, cwd, {
          act: (child) =>
            void whenJournalHolds(join(cwd, "rows.safetensors.journal"), random.below(90)).then(() => {
              setTimeout(() => child.kill("SIGKILL"), random.below(60));
            }),
        });
        if (ended.signal === "SIGKILL") killed++;
        if (existsSync(join(cwd, "rows.safetensors"))) expect(digest("rows.safetensors")).toBe(wanted[0]);
      }
      const last = await start([...words, "--json"], cwd);
      expect([round, last.code, last.err]).toEqual([round, 0, expect.not.stringContaining("error")]);
      reused += (JSON.parse(last.out) as { reused: number }).reused;
      expect(["rows.safetensors", "rows.safetensors.rows.jsonl"].map(digest)).toEqual(wanted);
      expect(
        readdirSync(cwd)
          .filter((name) => name.startsWith("rows.") || name.includes(".tmp"))
          .sort(),
      ).toEqual(["rows.safetensors", "rows.safetensors.rows.jsonl"]);
    }
    expect(reused).toBeGreaterThan(0);
  });
});

describe("the installed layout", () => {
  it("answers from any folder, also one whose name has spaces and signs", async () => {
    const odd = join(folder(), "a b'ü漢");
    mkdirSync(odd);
    const [image] = writePhantoms(odd, 1);
    cpSync(image!, join(odd, "x y.png"));
    const ended = await start(["classify", "x y.png", "--class", "a", "--class", "b", "--json", "-q"], odd);
    expect([ended.code, ended.err]).toEqual([0, ""]);
    expect((JSON.parse(ended.out) as { file: string }[])[0]!.file).toBe("x y.png");
  });
});
