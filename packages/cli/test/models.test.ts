// The store of models as the command line shows it, with the embedded model's own files as the model that is imported.

import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type FakeHubOptions, startFakeHub } from "@biovlm/testkit";
import { describe, expect, it, vi } from "vitest";
import { call, folder, home, writePhantoms } from "./call.js";

const tiny = join(import.meta.dirname, "../../model-tiny/files");
const [image] = writePhantoms(folder("phantoms"), 1);
const classify = (model: string, cwd?: string) =>
  call(
    ["classify", image!, "--class", "chest X-ray", "--class", "hand X-ray", "--model", model, "--json"],
    cwd === undefined ? {} : { cwd },
  );
const probabilities = (out: string) => (JSON.parse(out) as { predictions: unknown; model: { digest: string } }[])[0]!;

function modelFolder(): string {
  const place = folder("model");
  for (const name of ["model.safetensors", "open_clip_config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"])
    copyFileSync(join(tiny, name), join(place, name));
  return place;
}

describe("a model of one's own", () => {
  it("is imported, listed, verified, used, bundled, removed, and taken in from the bundle, with the same answers throughout", async () => {
    const cwd = folder();
    const embedded = probabilities((await classify("tiny")).out);
    const imported = await call(["models", "import", modelFolder(), "--name", "own", "--json"]);
    expect([imported.code, JSON.parse(imported.out)]).toEqual([0, { name: "own", digest: embedded.model.digest }]);
    expect((await call(["models", "import", modelFolder(), "--name", "own"])).code).toBe(1);
    expect((await call(["models", "ls"])).out).toMatch(/^tiny .*\nown {3}sha256:/);
    expect(JSON.parse((await call(["models", "ls", "--json"])).out)).toMatchObject([
      { name: "tiny" },
      { name: "own", digest: embedded.model.digest },
    ]);
    expect(await call(["models", "verify"])).toMatchObject({ code: 0, out: "own  ok\n" });
    expect(probabilities((await classify("own")).out).predictions).toEqual(embedded.predictions);
    expect((await call(["models", "bundle", "own"], { cwd })).code).toBe(0);
    expect(readdirSync(cwd)).toEqual(["own.tar"]);
    expect((await call(["models", "rm", "own"])).code).toBe(0);
    expect((await classify("own")).code).toBe(3);
    expect((await call(["models", "import", "own.tar", "--name", "again"], { cwd })).code).toBe(0);
    expect(probabilities((await classify("again")).out).predictions).toEqual(embedded.predictions);
    await call(["models", "rm", "again"]);
  });

  it("is used in place, from its folder", async () => {
    const place = modelFolder();
    const { code, out } = await classify(place);
    expect(code).toBe(0);
    expect(probabilities(out).predictions).toEqual(probabilities((await classify("tiny")).out).predictions);
  });

  it("whose bytes changed in the store is found, moved away and no longer used, with exit code 4", async () => {
    await call(["models", "import", modelFolder(), "--name", "bent"]);
    const place = join(home, "models", "bent");
    const weights = join(place, readdirSync(place).find((name) => name.endsWith(".safetensors"))!);
    const bytes = readFileSync(weights);
    bytes[bytes.length - 1000]! ^= 4;
    writeFileSync(weights, bytes);
    const { code, out, err } = await call(["models", "verify"]);
    expect([code, out]).toEqual([4, ""]);
    expect(err).toContain("error[integrity]: ");
    expect((await classify("bent")).code).toBe(3);
    expect((await call(["models", "verify"])).code).toBe(0);
  });

  it("that is cut, empty or no model is refused with a code, and leaves nothing in the store", async () => {
    const broken = modelFolder();
    writeFileSync(join(broken, "model.safetensors"), readFileSync(join(tiny, "model.safetensors")).subarray(0, 50_000));
    const empty = folder("none");
    mkdirSync(join(empty, "x"));
    for (const [path, code] of [
      [broken, 1],
      [empty, 3],
      [join(empty, "gone"), 3],
    ] as const) {
      const result = await call(["models", "import", path, "--name", "bad"]);
      expect([path, result.code]).toEqual([path, code]);
      expect(result.err).toMatch(/error\[[a-z_]+\]: /);
    }
    expect((await call(["models", "ls"])).out).not.toContain("bad");
  });
});

describe("a model of a hub", () => {
  const repo = "owner/tiny";
  const content = () => {
    const place = modelFolder();
    return Object.fromEntries(readdirSync(place).map((name) => [name, new Uint8Array(readFileSync(join(place, name)))]));
  };

  /** A pull from a hub of this test's own, with an empty cache. */
  async function pull(options: Partial<FakeHubOptions>, ...words: string[]) {
    const hub = await startFakeHub({ repo, files: content(), ...options });
    process.env["HF_ENDPOINT"] = hub.endpoint;
    process.env["HF_HUB_CACHE"] = folder("hub");
    try {
      return await call(["models", "pull", repo, ...words]);
    } finally {
      delete process.env["HF_ENDPOINT"];
      delete process.env["HF_HUB_CACHE"];
      await hub.close();
    }
  }

  it("is pulled, verified and used, with the digest of the same weights", async () => {
    const { code, out } = await pull({}, "--name", "pulled", "--json");
    const embedded = probabilities((await classify("tiny")).out);
    expect([code, JSON.parse(out)]).toEqual([0, { name: "pulled", digest: embedded.model.digest, fresh: true }]);
    expect(probabilities((await classify("pulled")).out).predictions).toEqual(embedded.predictions);
    await call(["models", "rm", "pulled"]);
  });

  it.each([
    ["a byte arrives wrong", { fault: () => ({ corruptAt: 3000 }) }, [], 4],
    ["the pinned digest is another", {}, ["--sha256", "0".repeat(64)], 4],
    ["there is no such repository", { repo: "someone/else" }, [], 3],
  ] as const)("is not taken when %s", async (_what, options, words, wanted) => {
    const { code, out, err } = await pull(options, "--name", "never", ...words);
    expect([code, out, err]).toEqual([wanted, "", expect.stringMatching(/^error\[[a-z_]+\]: /m)]);
    expect((await call(["models", "ls"])).out).not.toContain("never");
  });
});

describe("doctor", () => {
  it("names every device, with a reason where it does not work, and the one auto takes", async () => {
    const { code, out } = await call(["doctor", "--json"]);
    expect(code).toBe(0);
    const facts = JSON.parse(out) as {
      devices: { name: string; available: boolean; reason?: string; detail?: string }[];
      auto: string;
      store: string;
      libraries: Record<string, string>;
      int8: string;
    };
    expect(facts.devices.map((d) => d.name)).toEqual(["cuda", "webgpu", "cpu", "wasm"]);
    for (const device of facts.devices) expect((device.available ? device.detail : device.reason)!.length).toBeGreaterThan(5);
    expect(facts.devices.find((d) => d.name === facts.auto)!.available).toBe(true);
    expect(facts.devices.find((d) => d.name === "wasm")!.available).toBe(true);
    expect(facts.store).toBe(join(home, "models"));
    expect(facts.int8).toMatch(/^(native \([a-z0-9-]+\)|onnxruntime \(.{5,}\))$/);
    expect(facts.libraries).toMatchObject({
      "onnxruntime-web": expect.stringMatching(/^\d+\.\d+\.\d+/),
      sharp: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
  });

  it("says what a store of models that cannot be read is, beside all else", async () => {
    const place = folder();
    writeFileSync(join(place, "file"), "");
    vi.stubEnv("BIOVLM_HOME", join(place, "file"));
    try {
      const { code, out, err } = await call(["doctor"]);
      expect([code, err]).toEqual([0, ""]);
      expect(out).toMatch(/^cpu +✓/m);
      expect(out).toMatch(/^store +\S+ +cannot be read: .*not a folder/m);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it("says which named device cannot be used, with exit code 5, and never takes another", async () => {
    const { devices } = JSON.parse((await call(["doctor", "--json"])).out) as { devices: { name: string; available: boolean }[] };
    for (const { name, available } of devices) {
      const { code, out, err } = await call(["classify", image!, "--class", "a", "--class", "b", "--device", name, "--json"]);
      if (available) expect((JSON.parse(out) as { device: string }[])[0]!.device).toBe(name);
      else expect([name, code, out, err]).toEqual([name, 5, "", expect.stringContaining(`device ${name} — expected a usable backend`)]);
    }
  });
});
