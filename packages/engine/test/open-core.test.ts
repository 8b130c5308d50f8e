// The core that an opening gets: native kernels where they are built, for scores alone and with the same bits; the core's own where they are not.

import { loadCore } from "@biovlm/core";
import { nativeKernels } from "@biovlm/core-native";
import { seeded, withoutProgram } from "@biovlm/testkit";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openCore } from "../src/open/core.js";

const absent = withoutProgram("native build") || nativeKernels().native === undefined;
afterEach(() => vi.unstubAllEnvs());

describe("the core of an opening", () => {
  it.skipIf(absent)("routes by native kernels, to the bits of plain SIMD (skipped: no native build)", async () => {
    const core = await openCore({ deterministic: true });
    expect(core.info.native?.serves.toSorted()).toEqual(["gemm", "route", "select"]);
    expect(core.info.deterministic).toBe(true);
    const plain = await loadCore({ deterministic: true, kernels: "wasm" });
    const random = seeded(15);
    for (const B of [1, 17, 300]) {
      const [N, C, D] = [10, 3, 128];
      const numbers = (length: number) => Float32Array.from({ length }, () => random.below(2001) / 1000 - 1);
      const [f, t] = [numbers(B * D), numbers(N * C * D)];
      expect(core.route(f, t, 20, 0.3, { B, N, C, D })).toEqual(plain.route(f, t, 20, 0.3, { B, N, C, D }));
    }
  });

  it("is WASM where native code is left out", async () => {
    vi.stubEnv("BIOVLM_NATIVE", "off");
    const { info } = await openCore({ deterministic: true });
    expect(info).toMatchObject({ kernels: "wasm", build: "simd", deterministic: true });
    expect(info.native).toBeUndefined();
  });
});
