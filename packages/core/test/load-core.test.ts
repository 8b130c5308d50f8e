import { afterEach, describe, expect, it, vi } from "vitest";
import { type KernelName, loadCore, type NativeKernels } from "../src/index.js";
import { referenceKernels } from "../src/reference.js";
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

describe("native kernels handed in", () => {
  /** Plain loops that count their calls, in place of native code. */
  const counted = (names: readonly KernelName[], bitEqual: readonly KernelName[] = []) => {
    const calls: string[] = [];
    const kernels = Object.fromEntries(
      names.map((name) => {
        const kernel: (...call: never[]) => unknown = referenceKernels[name];
        return [
          name,
          (...call: never[]) => {
            calls.push(name);
            return kernel(...call);
          },
        ];
      }),
    );
    return { calls, native: { name: "counted loops", kernels, bitEqual } satisfies NativeKernels };
  };
  const x = Float32Array.of(1, 2, 3);

  it("serve what they have, WASM the rest, and info says which", async () => {
    const { calls, native } = counted(["softmax", "entropy"]);
    for (const options of [{ kernels: native }, { kernels: "native", native }, { native }, { kernels: "auto", native }] as const) {
      const core = await loadCore(options);
      expect(core.info).toMatchObject({ kernels: "native", native: { name: "counted loops", serves: ["softmax", "entropy"] } });
      expect(core.info.deterministic).toBe(false);
      expect(core.softmax(x, 1, 3)[2]).toBeCloseTo(0.66524, 5);
      core.logSoftmax(x, 1, 3);
      expect(calls.splice(0)).toEqual(["softmax"]);
    }
  });
  it("where deterministic is set, serve only what has the bits of plain SIMD", async () => {
    const { calls, native } = counted(["softmax", "entropy"], ["entropy"]);
    const core = await loadCore({ deterministic: true, kernels: native });
    expect(core.info).toMatchObject({ build: "simd", kernels: "native", deterministic: true, native: { serves: ["entropy"] } });
    core.softmax(x, 1, 3);
    core.entropy(x, 1, 3);
    expect(calls).toEqual(["entropy"]);
  });
  it("score, select and route together or not at all", async () => {
    expect((await loadCore({ native: counted(["gemm", "softmax"]).native })).info.native?.serves).toEqual(["softmax"]);
    expect((await loadCore({ native: counted(["gemm", "select", "route"]).native })).info.native?.serves).toEqual([
      "gemm",
      "select",
      "route",
    ]);
  });
  it("stay out where WASM, the reference or a build is named, and where none may serve", async () => {
    const { native } = counted(["softmax"]);
    expect((await loadCore({ kernels: "wasm", native })).info.kernels).toBe("wasm");
    expect((await loadCore({ kernels: "reference", native })).info).toMatchObject({ kernels: "reference", build: "reference" });
    expect((await loadCore({ build: "simd", native })).info).toMatchObject({ kernels: "wasm", build: "simd" });
    expect((await loadCore({ deterministic: true, native })).info.kernels).toBe("wasm");
    expect((await loadCore()).info.native).toBeUndefined();
  });
  it("are refused by name when none was handed in or none may serve, with what to do", async () => {
    await expect(loadCore({ kernels: "native" })).rejects.toThrow(code("native_unavailable"));
    await expect(loadCore({ kernels: "native" })).rejects.toThrow(/expected an implementation handed in, got none\. Pass \{ native \}/);
    await expect(loadCore({ kernels: counted(["softmax"]).native, deterministic: true })).rejects.toThrow(code("native_unavailable"));
  });
  it("are refused when they are no such value, or contradict the build", async () => {
    const { native } = counted(["softmax"]);
    await expect(loadCore({ kernels: "nativ" as never })).rejects.toThrow(code("bad_option"));
    await expect(loadCore({ kernels: native, native })).rejects.toThrow(code("bad_option"));
    await expect(loadCore({ kernels: {} as never })).rejects.toThrow(code("bad_option"));
    await expect(loadCore({ kernels: { ...native, kernels: { sotfmax: native.kernels["softmax"] } as never } })).rejects.toThrow(/sotfmax/);
    await expect(loadCore({ kernels: { ...native, bitEqual: ["gemm"] } })).rejects.toThrow(/bitEqual — .* got gemm/);
    await expect(loadCore({ kernels: "wasm", build: "reference" })).rejects.toThrow(code("bad_option"));
    await expect(loadCore({ kernels: "reference", build: "simd" })).rejects.toThrow(code("bad_option"));
    await expect(loadCore({ kernels: native, build: "reference" })).rejects.toThrow(code("bad_option"));
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
    await expect(load({ kernels: "wasm" })).rejects.toThrow(code("wasm_unavailable"));
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
