// The promises of the capability `gradients`: the backward pass against finite differences of the float64 definition, by tape and by running
// forward again, and what becomes of tapes.

import { nth, present } from "@biovlm/files";
import type { PromptRows } from "../contract/encoder.js";
import { seededFloats, TOY_SPEC, type ToyTowers, toyRows, toyTowers } from "../towers/toy-towers.js";
import { holds, near, outcome, refuses, same } from "./assertion.js";
import { type EncoderPromise, promise } from "./encoder-promises.js";

const D = TOY_SPEC.embedDim;
const W = TOY_SPEC.text.width;
const LENGTHS = [2, 4, 1];

/** d(Σ dOut·embedding)/d word, by central differences in float64: exact to about 1e-8. One row at a time: rows do not mix. */
function differences(towers: ToyTowers, { embeddings, mask, shape: [n, L] }: PromptRows, dOut: Float32Array): Float64Array {
  const step = 2 ** -12;
  const gradient = new Float64Array(n * L * W);
  for (let r = 0; r < n; r++) {
    const words = embeddings.slice(r * L * W, (r + 1) * L * W);
    const row = { embeddings: words, mask: mask.subarray(r * L, (r + 1) * L), shape: [1, L, W] as const };
    const value = () => towers.prompts(row).reduce((sum, x, d) => sum + x * nth(dOut, r * D + d), 0);
    for (let i = 0; i < L * W; i++) {
      if (row.mask[Math.floor(i / W)] === 0) continue;
      const at = nth(words, i);
      words[i] = at + step;
      const [above, high] = [nth(words, i), value()];
      words[i] = at - step;
      const [below, low] = [nth(words, i), value()];
      words[i] = at;
      gradient[r * L * W + i] = (high - low) / (above - below);
    }
  }
  return gradient;
}

export const gradientPromises: readonly EncoderPromise[] = [
  promise(
    "gradients by tape and by a second forward equal finite differences, padding gets none",
    async ({ encoder, towers, tolerance }) => {
      if (encoder.encodePromptsBackward === undefined) return;
      const rows = toyRows(LENGTHS);
      const dOut = seededFloats(3, LENGTHS.length * D);
      const wanted = differences(towers, rows, dOut);
      const { out, tape } = await encoder.encodePrompts(rows, { keep: true });
      near(out.data, towers.prompts(rows), tolerance, "embeddings of a kept forward");
      holds(tape !== undefined, "keep — expected a tape, got none");
      near(await encoder.encodePromptsBackward(present(tape, "tape"), dOut), wanted, Math.max(tolerance, 1e-3), "gradient by tape");
      const again = await encoder.encodePromptsBackward(rows, dOut);
      near(again, wanted, Math.max(tolerance, 1e-3), "gradient by a second forward");
      for (const [r, length] of LENGTHS.entries()) {
        const padding = again.subarray((r * rows.shape[1] + length) * W, (r + 1) * rows.shape[1] * W);
        holds(
          padding.every((g) => g === 0),
          `padding of row ${r} — expected no gradient, got ${padding}`,
        );
      }
    },
  ),
  promise("a tape does not depend on its inputs any more, and two tapes do not mix", async ({ encoder, tolerance }) => {
    const { encodePromptsBackward } = encoder;
    if (encodePromptsBackward === undefined) return;
    const [a, b] = [toyRows(LENGTHS, 4, 21), toyRows(LENGTHS, 4, 22)];
    const dOut = seededFloats(4, LENGTHS.length * D);
    const wanted = [await encodePromptsBackward.call(encoder, a, dOut), await encodePromptsBackward.call(encoder, b, dOut)];
    const kept = await Promise.all([encoder.encodePrompts(a, { keep: true }), encoder.encodePrompts(b, { keep: true })]);
    a.embeddings.fill(1);
    b.embeddings.fill(-1);
    const got = await Promise.all(kept.map(({ tape }) => encodePromptsBackward.call(encoder, present(tape, "tape"), dOut)));
    near(nth(got, 0), nth(wanted, 0), tolerance, "gradient by the first tape");
    near(nth(got, 1), nth(wanted, 1), tolerance, "gradient by the second tape");
  }),
  promise("rows beyond maxBatch keep their gradients, and the upstream gradient is not changed", async ({ encoder, towers, tolerance }) => {
    if (encoder.encodePromptsBackward === undefined) return;
    const n = Math.min(encoder.capabilities.maxBatch, 128) + 2;
    const rows = toyRows(Array.from({ length: n }, (_, r) => 1 + (r % 3)));
    const dOut = seededFloats(6, n * D);
    const { tape } = await encoder.encodePrompts(rows, { keep: true });
    const got = await encoder.encodePromptsBackward(present(tape, "tape"), dOut);
    same(dOut, seededFloats(6, n * D), "upstream gradient after the call");
    const L = rows.shape[1];
    for (const r of [0, n - 1]) {
      const row = {
        embeddings: rows.embeddings.slice(r * L * W, (r + 1) * L * W),
        mask: rows.mask.slice(r * L, (r + 1) * L),
        shape: [1, L, W] as const,
      };
      const wanted = differences(towers, row, dOut.subarray(r * D, (r + 1) * D));
      near(got.subarray(r * L * W, (r + 1) * L * W), wanted, Math.max(tolerance, 1e-3), `gradient of row ${r} of ${n}`);
    }
  }),
  promise("a spent, disposed or foreign tape and a wrong upstream gradient are bad_input", async ({ encoder }) => {
    const { encodePromptsBackward } = encoder;
    if (encodePromptsBackward === undefined) return;
    const rows = toyRows([2, 3]);
    const dOut = seededFloats(3, 2 * D);
    const spent = present((await encoder.encodePrompts(rows, { keep: true })).tape, "tape");
    await encodePromptsBackward.call(encoder, spent, dOut);
    await refuses(() => encodePromptsBackward.call(encoder, spent, dOut), "bad_input", "a spent tape");
    const disposed = present((await encoder.encodePrompts(rows, { keep: true })).tape, "tape");
    disposed.dispose();
    disposed.dispose();
    await refuses(() => encodePromptsBackward.call(encoder, disposed, dOut), "bad_input", "a disposed tape");
    await refuses(() => encodePromptsBackward.call(encoder, { dispose() {} }, dOut), "bad_input", "a foreign tape");
    await refuses(() => encodePromptsBackward.call(encoder, rows, dOut.subarray(1)), "bad_input", "a short upstream gradient");
    const poison = dOut.slice();
    poison[0] = Number.NaN;
    await refuses(() => encodePromptsBackward.call(encoder, rows, poison), "bad_output", "a gradient that is NaN");
    const reason = new Error("enough");
    const got = await outcome(() => encodePromptsBackward.call(encoder, rows, dOut, { signal: AbortSignal.abort(reason) }));
    holds(got === reason, `an aborted backward pass — got ${String(got)}`);
    const empty = { embeddings: new Float32Array(0), mask: new Uint8Array(0), shape: [0, 4, W] as const };
    holds((await encodePromptsBackward.call(encoder, empty, new Float32Array(0))).length === 0, "no rows — expected no gradient");
  }),
  {
    title: "a model without gradient graphs opens without the capability and refuses to keep a tape",
    async run({ backend }) {
      const { promptGradients: _, ...graphs } = toyTowers().graphs;
      const encoder = await backend.open(graphs);
      try {
        holds(!encoder.capabilities.gradients && encoder.encodePromptsBackward === undefined, "gradients — expected none");
        await encoder.encodePrompts(toyRows([2]));
        await refuses(() => encoder.encodePrompts(toyRows([2]), { keep: true }), "not_supported", "keep");
      } finally {
        await encoder.close();
      }
    },
  },
];
