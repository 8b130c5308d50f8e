// Which int8 openings take compiled image towers, which do not and what is said of it.

import { nativeImageTowers } from "@biovlm/core-native";
import { tinyModel } from "@biovlm/model-tiny/node";
import { afterEach, describe, expect, it, vi } from "vitest";
import { imageTowers, openEncoder } from "../src/index.js";
import { imageTowerName } from "../src/open/image-towers.js";

const SPEC = { model: "tiny", device: "cpu", threads: 2, precision: "int8", deterministic: false } as const;
const { towers, reason } = nativeImageTowers();
if (towers === undefined) console.log(`skipped: no native image towers (${reason})`);
afterEach(() => vi.unstubAllEnvs());

const found = { towers: { name: "native (made)", bits: "made/1", open: () => Promise.reject(new Error("not opened")) } };
const take = (spec: Partial<Parameters<typeof imageTowers>[0]>, env = {}) =>
  imageTowers({ precision: "int8", deterministic: false, ...spec }, env, async () => found);

describe("compiled image towers", () => {
  it("are taken in int8, and where the same bits are wanted everywhere only when they are asked for by name", async () => {
    expect(await take({})).toBe(found);
    expect(await take({ deterministic: true, imageTower: "native" })).toBe(found);
    for (const spec of [{ precision: "fp32" }, { precision: "fp16" }, { deterministic: true }, { imageTower: "onnxruntime" }] as const)
      expect((await take(spec)).towers, JSON.stringify(spec)).toBeUndefined();
  });

  it("are named, or the reason that there are none", () => {
    const cpu = { device: "cpu", precision: "int8" } as const;
    const imageTower = { name: "native (made)", bits: "made/1" };
    expect(imageTowerName({ ...cpu, imageTower }, undefined)).toBe("native (made)");
    expect(imageTowerName(cpu, "BIOVLM_NATIVE=off")).toBe("onnxruntime (BIOVLM_NATIVE=off)");
    expect(imageTowerName(cpu, undefined)).toBe("onnxruntime (the model's tower is of another kind)");
    expect(imageTowerName({ ...cpu, device: "cuda" }, undefined)).toBe("onnxruntime (device cuda)");
    expect(imageTowerName({ ...cpu, precision: "fp32" }, "any")).toBeUndefined();
  });

  it("are left out by BIOVLM_NATIVE=off, and lanes are opened again", async () => {
    vi.stubEnv("BIOVLM_NATIVE", "off");
    const opened = await openEncoder(await tinyModel({ precision: "int8" }), SPEC, [], { manyImages: true });
    expect(opened.imageTower()).toBe("onnxruntime (BIOVLM_NATIVE=off)");
    expect(opened).toMatchObject({ lanes: 2, encoder: { capabilities: { precision: "int8" } } });
    expect(opened.encoder.capabilities.imageTower).toBeUndefined();
    await opened.encoder.close();
  });

  it.skipIf(towers === undefined)(
    "serve an opening in int8 without lanes, close to onnxruntime (skipped: no native image towers)",
    async () => {
      const rgb = Uint8Array.from(
        { length: 9 * (await tinyModel()).spec.vision.imageSize ** 2 },
        (_, i) => (i * 31 + Math.floor(i / 192) * 7) % 256,
      );
      const rows: Float32Array[] = [];
      for (const imageTower of ["native", "onnxruntime"] as const) {
        const model = await tinyModel({ precision: "int8" });
        const { mean, std } = model.spec;
        const opened = await openEncoder(model, { ...SPEC, imageTower }, [], { manyImages: true });
        expect(opened.lanes).toBe(imageTower === "native" ? 1 : 2);
        expect(opened.imageTower()).toBe(imageTower === "native" ? towers?.name : "onnxruntime (asked for)");
        const { data } = (await opened.encoder.encodeRgb?.(rgb, 3, { mean, std })) ?? { data: new Float32Array() };
        rows.push(data);
        await opened.encoder.close();
      }
      const [a = new Float32Array(), b = new Float32Array()] = rows;
      const D = a.length / 3;
      for (let r = 0; r < 3; r++) {
        const dot = (x: Float32Array, y: Float32Array) =>
          x.subarray(r * D, r * D + D).reduce((sum, v, i) => sum + v * (y[r * D + i] ?? 0), 0);
        expect(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))).toBeGreaterThan(0.999);
      }
    },
  );
});
