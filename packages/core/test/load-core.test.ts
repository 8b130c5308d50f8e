import { afterEach, describe, expect, it, vi } from "vitest";
import { loadCore } from "../src/index.js";
import { builds } from "./builds.js";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.resetModules();
});

const code = (expected: string) => expect.objectContaining({ name: "CoreError", code: expected });

describe("loadCore", () => {
  it("takes the fastest build this engine accepts, and says which", async () => {
    const { info } = await loadCore();
    expect(info.build).toBe(builds.includes("relaxed-simd") ? "relaxed-simd" : "simd");
    expect(info.deterministic).toBe(info.build === "simd");
  });
  it("never takes relaxed SIMD when asked to be deterministic", async () => {
    expect((await loadCore({ deterministic: true })).info).toMatchObject({ build: "simd", deterministic: true });
  });
  it("loads a build by name", async () => {
    expect((await loadCore({ build: "reference" })).info.build).toBe("reference");
    expect((await loadCore({ build: "simd" })).info.build).toBe("simd");
  });
  it("refuses unknown options, unknown builds and a contradiction", async () => {
    await expect(loadCore({ determinstic: true } as never)).rejects.toThrow(code("bad_option"));
    await expect(loadCore({ build: "avx" as never })).rejects.toThrow(code("bad_option"));
    await expect(loadCore({ build: "relaxed-simd", deterministic: true })).rejects.toThrow(code("bad_option"));
  });
  it("gives every core its own memory", async () => {
    const [a, b] = await Promise.all([loadCore(), loadCore()]);
    const x = Float32Array.of(1, 2, 3);
    expect(a.softmax(x, 1, 3)).toEqual(b.softmax(x, 1, 3));
  });
});

// A fresh copy of the modules, so that nothing compiled before the engine was changed is reused.
const fresh = async () => (await import("../src/load-core.js")).loadCore;

describe("where WebAssembly does not run", () => {
  it("without SIMD the plain loops answer and say why; a named build fails", async () => {
    vi.spyOn(WebAssembly, "validate").mockReturnValue(false);
    const load = await fresh();
    const core = await load();
    expect(core.info.build).toBe("reference");
    expect(core.info.detail).toMatch(/simd build — expected an engine with these instructions/);
    expect(core.softmax(Float32Array.of(0, 0), 1, 2)).toEqual(Float32Array.of(0.5, 0.5));
    await expect(load({ build: "simd" })).rejects.toThrow(code("wasm_unavailable"));
  });
  it("without WebAssembly at all likewise", async () => {
    vi.stubGlobal("WebAssembly", undefined);
    const load = await fresh();
    expect((await load()).info.build).toBe("reference");
    await expect(load({ build: "relaxed-simd" })).rejects.toThrow(code("wasm_unavailable"));
  });
  it("where a content policy forbids compiling, the reason is kept and a later call tries again", async () => {
    const refusal = vi.spyOn(WebAssembly, "compile").mockRejectedValue(new Error("unsafe-eval is not allowed"));
    const load = await fresh();
    const { info } = await load();
    expect(info.build).toBe("reference");
    expect(info.detail).toMatch(/unsafe-eval is not allowed/);
    refusal.mockRestore();
    expect((await load({ build: "simd" })).info.build).toBe("simd");
  });
});
