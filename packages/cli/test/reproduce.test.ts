// `reproduce`: the three settings with a verdict for each row, fetched from where it is told, and the same bytes however often it was killed.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { cases, seeded, sharedPath, soak, startFakeHub } from "@biovlm/testkit";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { encodePng } from "../src/phantoms/png-file.js";
import { base, call, folder } from "./call.js";
import { compile, killedAt, start } from "./program.js";

vi.setConfig({ testTimeout: soak ? 3_000_000 : 240_000 });
const cwd = folder("reproduce");
const QUICK = [
  "--pull",
  "never",
  "--shots",
  "1,2",
  "--seeds",
  "1,2",
  "--method",
  "zero-shot",
  "--method",
  "lp++",
  "--device",
  "cpu",
  "--threads",
  "1",
];

/** Two folders of four classes, ten pictures each. */
beforeAll(() => {
  for (const [s, set] of ["scans", "slides"].entries()) {
    for (const [k, kind] of ["bright", "dark", "striped", "dotted"].entries()) {
      mkdirSync(join(cwd, set, kind), { recursive: true });
      for (let i = 0; i < 10; i++) {
        const random = seeded(1000 * s + 100 * k + i);
        const data = Uint8Array.from({ length: 24 * 24 * 3 }, (_, at) => (k === 2 ? (at % 9) * 9 : 30 + 40 * k) + random.below(110));
        writeFileSync(join(cwd, set, kind, `${i}.png`), encodePng({ data, width: 24, height: 24 }));
      }
    }
  }
});

const files = (out: string) => ["reproduction.md", "reproduction.json"].map((name) => readFileSync(join(cwd, out, name), "utf8"));

describe("reproduce", () => {
  it("writes tables of the three settings with digests, and says where nothing was published", async () => {
    const { code, out, err } = await call(
      ["reproduce", "./scans", "./slides", "octmnist", ...QUICK, "--out", "whole", "--data", cwd, "--json"],
      { cwd },
    );
    expect(code, err).toBe(0);
    const all = JSON.parse(out);
    expect(all.data.map((set: { dataset: string }) => set.dataset)).toEqual(["scans", "slides"]);
    expect(all.data[0].digest).toMatch(/^[0-9a-f]{64}$/);
    expect(all.absent).toEqual([{ dataset: "octmnist", code: "not_found" }]);
    // few-shot: 2 sets × 2 shots × 2 methods; the others the method that names unseen classes, at the most shots
    expect(all.rows.map((row: { setting: string }) => row.setting).sort()).toEqual([
      ...["base-to-new", "base-to-new", "cross-dataset", "cross-dataset"],
      ...Array.from({ length: 8 }, () => "few-shot"),
    ]);
    expect(new Set(all.rows.map((row: { verdict: string }) => row.verdict))).toEqual(new Set(["no published figure"]));
    for (const row of all.rows)
      expect([row.seeds, row.cells.length, row.band[0] <= row.accuracy && row.accuracy <= row.band[1]]).toEqual([2, 2, true]);
    const [markdown] = files("whole");
    expect(markdown).toMatch(/## cross-dataset[\s\S]*\| scans → slides \| 2 \| zero-shot /);
    expect(markdown).toContain(`Digest of all figures: ${all.digest}`);
    expect(markdown).toContain("Research use only, not a medical device.");
    expect(err).toMatch(/octmnist is left out/);
  });

  it("ends in the same bytes when it was killed on the way", async () => {
    compile();
    const words = ["reproduce", "./scans", ...QUICK, "--setting", "few-shot"];
    const whole = await start([...words, "--out", "at-once"], cwd);
    expect([whole.code, whole.err]).toEqual([0, expect.any(String)]);
    const random = seeded(5);
    let killed = 0;
    for (let i = 0; killed < cases(10, 5) && i < 40; i++) {
      const at = { part: "pieces", n: 2 + random.below(6), when: random.pick(["before", "within", "after"] as const) };
      const { signal } = await start([...words, "--out", "pieces"], cwd, { env: killedAt(at) });
      if (signal === "SIGKILL") killed++;
      else break; // all cells are there
    }
    expect(killed).toBeGreaterThanOrEqual(2);
    const last = await start([...words, "--out", "pieces"], cwd);
    expect([last.code, last.err]).toEqual([0, expect.any(String)]);
    expect(files("pieces")).toEqual(files("at-once"));
  });

  it("fetches the weights from their hub and official files from the address it is told, and goes on with them", async ({ skip }) => {
    const official = sharedPath("data/medmnist/breastmnist.npz") ?? skip("skipped: shared data absent");
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      response.end(readFileSync(official));
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/files/`;
    const weights = ["model.safetensors", "open_clip_config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"];
    const read = (name: string) => [name, new Uint8Array(readFileSync(join(import.meta.dirname, "../../model-tiny/files", name)))] as const;
    const repo = "microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224";
    const hub = await startFakeHub({ repo, files: Object.fromEntries(weights.map(read)) });
    const place = ["--model", "biomedclip", "--data", folder("fetched"), "--data-url", url, "--size", "28"];
    const words = ["reproduce", "breastmnist", ...place, "--setting", "few-shot"];
    Object.assign(process.env, { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: folder("hub") });
    try {
      const quick = ["--shots", "1", "--seeds", "1", "--method", "zero-shot", "--twins", "off", "--out", "fetched", "--json"];
      const { code, out, err } = await call([...words, ...quick], { cwd });
      expect(code, err).toBe(0);
      expect(asked).toEqual(["/files/breastmnist.npz"]);
      expect(JSON.parse(out).data).toEqual([{ dataset: "breastmnist", images: 780, split: "official", warnings: [] }]);
    } finally {
      for (const name of ["HF_ENDPOINT", "HF_HUB_CACHE"]) delete process.env[name];
      await hub.close();
      await new Promise((done) => server.close(done));
      await call(["models", "rm", "biomedclip"]);
    }
  });

  it("says what it needs: a known setting, a set that is there, a hub that answers", async () => {
    expect((await call(["reproduce", "--setting", "few"], { cwd })).err).toMatch(/--setting — expected one of few-shot/);
    const nothing = await call(["reproduce", "breastmnist", "--pull", "never", "--data", folder("empty")], { cwd });
    expect([nothing.code, nothing.err]).toEqual([3, expect.stringContaining("error[no_datasets]")]);
    Object.assign(process.env, { HF_HUB_CACHE: join(base, "no-hub"), HF_HUB_OFFLINE: "1" });
    const { code, err } = await call(["reproduce", "./scans", "--model", "biomedclip"], { cwd });
    for (const name of ["HF_HUB_CACHE", "HF_HUB_OFFLINE"]) delete process.env[name];
    expect(code).not.toBe(0);
    expect(err).toMatch(/fetching microsoft\/BiomedCLIP/);
    expect(err).toMatch(/error\[[a-z_]+\]: /);
  });
});
