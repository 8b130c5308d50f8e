// What decides an embedding's bits beside the model's weights and the input: part of every key under which embeddings are kept.

import type { Device, Encoder } from "../contract/encoder.js";
import { TOWERS_BUILT } from "../towers/tower-artifacts.js";

/**
 * Where an encoder runs, in which precision, which build of the towers it has, and what computes its image tower where that is not the device's
 * runtime: embeddings of others are not taken for its own.
 */
export function encodedBy({ capabilities: { device, precision, imageTower } }: Pick<Encoder, "capabilities">): {
  readonly device: Device;
  readonly precision: Encoder["capabilities"]["precision"];
  readonly towers: number;
  readonly images?: string;
} {
  return { device, precision, towers: TOWERS_BUILT, ...(imageTower === undefined ? {} : { images: imageTower.bits }) };
}
