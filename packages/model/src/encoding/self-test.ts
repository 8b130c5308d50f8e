// The start-up test of a device: the embedding of one fixed image through a small tower of fixed weights, against the value it has by definition.
// A driver that computes wrong numbers is found before it embeds anything; probe-model.ts only finds out whether a device is there.

import { nth } from "@biovlm/files";
import type { Capabilities } from "../contract/encoder.js";
import { EncoderError } from "../contract/errors.js";
import { toyPixels, toyTowers } from "../towers/toy-towers.js";
import { towerEncoder } from "./tower-encoder.js";
import type { TowerRuntime } from "./tower-runtime.js";

/** The embedding in float64, as graph's evaluate gives it. A test computes it again. */
export const SELF_TEST_EMBEDDING: readonly number[] = [
  -0.998909702, -0.982297694, 0.683475785, -0.109202299, -0.669132028, 0.643418833, 0.175113736, -0.236065181,
];

/** Largest difference: float32 sums in any order stay far below 1e-3; float16 has 11 bits; int8 rounds 16-wide rows to 8 bits. */
const TOLERANCE = { fp32: 1e-3, fp16: 2e-2, int8: 0.1 } as const;

/** Runs the test. @throws EncoderError `open_failed` that says which numbers came out. */
export async function selfTest(runtime: TowerRuntime, name: string, capabilities: Capabilities): Promise<void> {
  const encoder = towerEncoder(runtime, toyTowers({ precision: capabilities.precision }).graphs, name, {
    ...capabilities,
    gradients: false,
  });
  try {
    const { data } = await encoder.encodeImages(toyPixels(1), 1);
    const farthest = SELF_TEST_EMBEDDING.reduce((most, wanted, i) => Math.max(most, Math.abs(wanted - nth(data, i))), 0);
    if (!(farthest <= TOLERANCE[capabilities.precision])) {
      throw new EncoderError(
        name,
        "open_failed",
        `self-test — expected an embedding within ${TOLERANCE[capabilities.precision]} of its stored value, got a difference of ${farthest.toPrecision(3)}. This device computes wrong numbers: use another, or update its driver.`,
      );
    }
  } catch (error) {
    if (error instanceof EncoderError && error.code === "bad_output") {
      throw new EncoderError(
        name,
        "open_failed",
        `self-test — expected a sound embedding, got: ${error.message} Update its driver.`,
        error,
      );
    }
    throw error;
  } finally {
    await encoder.close();
  }
}
