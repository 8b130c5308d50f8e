// The compiled int8 image tower beside the graphs that it stands for, in plain loops: toy towers, and the embedded model's.

import { cpuBackend } from "@biovlm/backend-cuda";
import { nativeImageTowers } from "@biovlm/core-native";
import { toyPixels, toyTowers } from "@biovlm/model/testing";
import { tinyModel } from "@biovlm/model-tiny/node";
import { expect, it } from "vitest";

const { towers, reason } = nativeImageTowers();
if (towers === undefined) console.log(`skipped: no native image tower (${reason})`);
const NATIVE = { threads: 1, ...(towers === undefined ? {} : { imageTowers: towers }) };

function leastCosine(got: ArrayLike<number>, wanted: ArrayLike<number>, D: number): number {
  const cosineOf = (row: number) => {
    const of = (rows: ArrayLike<number>) => Array.from({ length: D }, (_, i) => Number(rows[row * D + i]));
    const [a, b] = [of(got), of(wanted)];
    const dot = (x: readonly number[], y: readonly number[]) => x.reduce((sum, v, i) => sum + v * (y[i] ?? Number.NaN), 0);
    return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  };
  return Math.min(...Array.from({ length: got.length / D }, (_, row) => cosineOf(row)));
}

it.skipIf(towers === undefined)("gives a toy tower's float64 answers, whose matrices stay float32 (skipped: no native build)", async () => {
  const { graphs, images } = toyTowers({ precision: "int8" });
  const encoder = await cpuBackend(NATIVE).open(graphs);
  const got = (await encoder.encodeImages(toyPixels(5), 5)).data;
  const wanted = images(toyPixels(5), 5);
  for (const [i, x] of got.entries()) expect(Math.abs(x - Number(wanted[i]))).toBeLessThan(1e-4);
  await encoder.close();
});

it.skipIf(towers === undefined)(
  "gives the embedded model's embeddings at a cosine of .9995 to float32, alone and in a batch the same bits (skipped: no native build)",
  async () => {
    const [int8, fp32] = await Promise.all([tinyModel({ precision: "int8" }), tinyModel()]);
    const native = await cpuBackend(NATIVE).open(int8.graphs);
    const plain = await cpuBackend({ threads: 1 }).open(fp32.graphs);
    expect(native.capabilities.imageTower?.name).toMatch(/^native/);
    const { imageSize: S } = int8.spec.vision;
    const B = 8;
    const each = 3 * S * S;
    const pixels = Float32Array.from({ length: B * each }, (_, i) => Math.sin(i / 300 + Math.floor(i / each)) + Math.sin(i * i) / 4);
    const [got, wanted] = [(await native.encodeImages(pixels, B)).data, (await plain.encodeImages(pixels, B)).data];
    const D = int8.spec.embedDim;
    expect(leastCosine(got, wanted, D)).toBeGreaterThanOrEqual(0.9995);
    for (const i of [0, B - 1]) {
      const alone = (await native.encodeImages(pixels.slice(i * each, (i + 1) * each), 1)).data;
      expect(alone).toEqual(got.slice(i * D, (i + 1) * D));
    }
    await Promise.all([native.close(), plain.close()]);
  },
);
