// The promises of the capability `imageGradients`: the backward pass through the image tower against finite differences of the float64
// definition, by tape and by running forward again, and what becomes of tapes. An encoder without it refuses to keep a tape.

import { nth } from "@biovlm/files";
import type { Tape } from "../contract/encoder.js";
import { seededFloats, TOY_SPEC, type ToyTowers, toyPixels } from "../towers/toy-towers.js";
import { holds, near, outcome, refuses, same } from "./assertion.js";
import { type EncoderPromise, promise } from "./encoder-promises.js";

const D = TOY_SPEC.embedDim;
const ROW = 3 * TOY_SPEC.vision.imageSize ** 2;
/** Pixels whose gradient is taken by differences: one in so many, all channels, every patch. */
const STRIDE = 13;

/** d(Σ dOut·embedding)/d pixel for every STRIDE-th pixel, by central differences in float64. Images do not mix. */
function differences(towers: ToyTowers, pixels: Float32Array, batch: number, dOut: Float32Array): Map<number, number> {
  const step = 2 ** -10;
  const found = new Map<number, number>();
  for (let b = 0; b < batch; b++) {
    const image = pixels.slice(b * ROW, (b + 1) * ROW);
    const upstream = dOut.subarray(b * D, (b + 1) * D);
    const value = () => towers.images(image, 1).reduce((sum, x, d) => sum + x * nth(upstream, d), 0);
    for (let i = 0; i < ROW; i += STRIDE) {
      const at = nth(image, i);
      image[i] = at + step;
      const [above, high] = [nth(image, i), value()];
      image[i] = at - step;
      const [below, low] = [nth(image, i), value()];
      image[i] = at;
      found.set(b * ROW + i, (high - low) / (above - below));
    }
  }
  return found;
}

/** The numbers of a gradient at the places that differences were taken. */
const at = (gradient: Float32Array, places: ReadonlyMap<number, number>) => Array.from(places.keys(), (i) => nth(gradient, i));

function keptTape(tape: Tape | undefined): Tape {
  if (tape === undefined) throw new Error("the encoder breaks its contract: keep — expected a tape, got none");
  return tape;
}

export const imageGradientPromises: readonly EncoderPromise[] = [
  promise("an encoder without gradients on images refuses to keep a tape of them", async ({ encoder }) => {
    if (encoder.encodeImagesBackward !== undefined) return;
    await refuses(() => encoder.encodeImages(toyPixels(1), 1, { keep: true }), "not_supported", "keep");
  }),
  promise("gradients on images by tape and by a second forward equal finite differences", async ({ encoder, towers, tolerance }) => {
    if (encoder.encodeImagesBackward === undefined) return;
    const pixels = toyPixels(2);
    const dOut = seededFloats(3, 2 * D);
    const wanted = differences(towers, pixels, 2, dOut);
    const { data, tape } = await encoder.encodeImages(pixels, 2, { keep: true });
    near(data, towers.images(pixels, 2), tolerance, "embeddings of a kept forward");
    const byTape = await encoder.encodeImagesBackward(keptTape(tape), dOut);
    holds(byTape.length === 2 * ROW, `gradient — expected ${2 * ROW} numbers, got ${byTape.length}`);
    near(at(byTape, wanted), [...wanted.values()], Math.max(tolerance, 1e-3), "gradient by tape");
    const again = await encoder.encodeImagesBackward({ pixels, batch: 2 }, dOut);
    near(at(again, wanted), [...wanted.values()], Math.max(tolerance, 1e-3), "gradient by a second forward");
    same(pixels, toyPixels(2), "pixels after the call");
    same(dOut, seededFloats(3, 2 * D), "upstream gradient after the call");
  }),
  promise("a tape of images does not depend on its inputs any more, and two do not mix", async ({ encoder, tolerance }) => {
    if (encoder.encodeImagesBackward === undefined) return;
    const [a, b] = [toyPixels(2, 21), toyPixels(2, 22)];
    const dOut = seededFloats(4, 2 * D);
    const first = await encoder.encodeImagesBackward({ pixels: a, batch: 2 }, dOut);
    const second = await encoder.encodeImagesBackward({ pixels: b, batch: 2 }, dOut);
    const [keptA, keptB] = await Promise.all([encoder.encodeImages(a, 2, { keep: true }), encoder.encodeImages(b, 2, { keep: true })]);
    a.fill(1);
    b.fill(-1);
    near(await encoder.encodeImagesBackward(keptTape(keptB.tape), dOut), second, tolerance, "gradient by the second tape");
    near(await encoder.encodeImagesBackward(keptTape(keptA.tape), dOut), first, tolerance, "gradient by the first tape");
  }),
  promise("a spent, disposed or foreign tape of images and a wrong upstream gradient are bad_input", async ({ encoder }) => {
    const { encodeImagesBackward } = encoder;
    if (encodeImagesBackward === undefined) return;
    const backward = encodeImagesBackward.bind(encoder);
    const pixels = toyPixels(2);
    const dOut = seededFloats(3, 2 * D);
    const spent = keptTape((await encoder.encodeImages(pixels, 2, { keep: true })).tape);
    await backward(spent, dOut);
    await refuses(() => backward(spent, dOut), "bad_input", "a spent tape");
    const disposed = keptTape((await encoder.encodeImages(pixels, 2, { keep: true })).tape);
    disposed.dispose();
    disposed.dispose();
    await refuses(() => backward(disposed, dOut), "bad_input", "a disposed tape");
    await refuses(() => backward({ dispose() {} }, dOut), "bad_input", "a foreign tape");
    await refuses(() => backward({ pixels, batch: 2 }, dOut.subarray(1)), "bad_input", "a short upstream gradient");
    await refuses(() => backward({ pixels: pixels.subarray(1), batch: 2 }, dOut), "bad_input", "too few pixels");
    const reason = new Error("enough");
    const got = await outcome(() => backward({ pixels, batch: 2 }, dOut, { signal: AbortSignal.abort(reason) }));
    holds(got === reason, `an aborted backward pass — got ${String(got)}`);
    holds(
      (await backward({ pixels: new Float32Array(0), batch: 0 }, new Float32Array(0))).length === 0,
      "no images — expected no gradient",
    );
  }),
];
