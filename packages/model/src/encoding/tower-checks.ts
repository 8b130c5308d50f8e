// What an encoder refuses on the way in and on the way out. Every refusal is an EncoderError: `bad_input` or `bad_output`.

import type { ChannelScale, PromptRows } from "../contract/encoder.js";
import { EncoderError, printShape } from "../contract/errors.js";
import type { TextSpec } from "../contract/model-spec.js";

function badInput(name: string, what: string, expected: string, got: string): never {
  throw new EncoderError(name, "bad_input", `${what} — expected ${expected}, got ${got}. Check the call.`);
}

function checkCount(name: string, what: string, n: number): void {
  if (!Number.isSafeInteger(n) || n < 0) badInput(name, what, "a whole number ≥ 0", String(n));
}

/** pixels [B,3,S,S] */
export function checkPixels(name: string, pixels: Float32Array, batch: number, S: number): void {
  checkCount(name, "image batch", batch);
  if (!(pixels instanceof Float32Array) || pixels.length !== batch * 3 * S * S) {
    badInput(name, "pixels", `${batch * 3 * S * S} float32 numbers for ${printShape([batch, 3, S, S])}`, `${pixels?.length} numbers`);
  }
}

/** rgb [B,S,S,3] */
export function checkRgb(name: string, rgb: Uint8Array, batch: number, S: number): void {
  checkCount(name, "image batch", batch);
  if (!(rgb instanceof Uint8Array) || rgb.length !== batch * 3 * S * S)
    badInput(name, "rgb", `${batch * 3 * S * S} bytes for ${printShape([batch, S, S, 3])}`, `${rgb?.length}`);
}

/** mean and std of three channels, finite in float32, std positive */
export function checkScale(name: string, { mean, std }: ChannelScale): void {
  const sound = (list: readonly number[], fits: (x: number) => boolean) => list.length === 3 && list.every((x) => fits(Math.fround(x)));
  if (!sound(mean, Number.isFinite) || !sound(std, (x) => Number.isFinite(x) && x > 0))
    badInput(name, "mean and std", "three finite means and three positive stds", `${mean} and ${std}`);
}

/** mask [n,L] of 0 and 1 with a token in every row. */
function checkMask(name: string, mask: Uint8Array, n: number, L: number, text: TextSpec): void {
  checkCount(name, "text rows", n);
  checkCount(name, "text length", L);
  if (L > text.contextLength) badInput(name, "text length", `at most ${text.contextLength}`, String(L));
  if (!(mask instanceof Uint8Array) || mask.length !== n * L)
    badInput(name, "mask", `${n * L} bytes for ${printShape([n, L])}`, `${mask?.length}`);
  for (let r = 0; r < n; r++) {
    if (L === 0 || mask[r * L] !== 1)
      badInput(name, `mask row ${r}`, "a token at place 0, where the embedding is read", String(mask[r * L]));
  }
  for (const m of mask) if (m > 1) badInput(name, "mask", "0 or 1", String(m));
}

/** ids and mask [n,L], ids inside the word table. */
export function checkTokens(name: string, ids: Int32Array, mask: Uint8Array, n: number, L: number, text: TextSpec): void {
  checkMask(name, mask, n, L, text);
  if (!(ids instanceof Int32Array) || ids.length !== n * L)
    badInput(name, "ids", `${n * L} int32 numbers for ${printShape([n, L])}`, `${ids?.length}`);
  for (const id of ids) if (id < 0 || id >= text.vocabularyRows) badInput(name, "token id", `0..${text.vocabularyRows - 1}`, String(id));
}

/** Word vectors [n,L,W] and their mask. */
export function checkRows(name: string, { embeddings, mask, shape: [n, L, W] }: PromptRows, text: TextSpec): void {
  if (W !== text.width) badInput(name, "text width", String(text.width), String(W));
  checkMask(name, mask, n, L, text);
  if (!(embeddings instanceof Float32Array) || embeddings.length !== n * L * W) {
    badInput(name, "prompt rows", `${n * L * W} float32 numbers for ${printShape([n, L, W])}`, `${embeddings?.length}`);
  }
}

/** Embeddings as the runtime gave them: rows·D finite numbers and no row of zeros, else `bad_output`. */
export function liveRows(name: string, data: Float32Array, rows: number, D: number): Float32Array {
  const bad = (what: string) => {
    throw new EncoderError(
      name,
      "bad_output",
      `embeddings — expected ${printShape([rows, D])} finite, non-zero rows, got ${what}. Try another device.`,
    );
  };
  if (data.length !== rows * D) bad(`${data.length} numbers`);
  for (let r = 0; r < rows; r++) {
    let any = false;
    for (let i = r * D; i < r * D + D; i++) {
      const x = data[i]!;
      if (!Number.isFinite(x)) bad(`${x} in row ${r}`);
      if (x !== 0) any = true;
    }
    if (!any) bad(`all zeros in row ${r}`);
  }
  return data;
}

/** A gradient as the runtime gave it: every number finite, else `bad_output`. */
export function finiteGradient(name: string, data: Float32Array): Float32Array {
  for (const x of data) {
    if (!Number.isFinite(x))
      throw new EncoderError(name, "bad_output", `gradient — expected finite numbers, got ${x}. Try another device.`);
  }
  return data;
}
