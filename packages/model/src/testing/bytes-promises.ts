// The promises of Encoder.encodeRgb: the bits of encodeImages on the pixels that core makes of the same bytes, in any batch and by any mean and
// std; refusals, aborting and closing as for the other calls.

import { EncoderError } from "../contract/errors.js";
import { encodeRgb, pixelsOf } from "../encoding/exact-bytes.js";
import { TOY_SPEC, toyRgb, toyTowers } from "../towers/toy-towers.js";
import { holds, near, outcome, refuses, same } from "./assertion.js";
import { type EncoderPromise, type Opened, promise } from "./encoder-promises.js";

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

/** A promise that a backend without the call keeps by leaving it out. */
function ofBytes(title: string, check: (opened: Opened & { encode: NonNullable<Opened["encoder"]["encodeRgb"]> }) => Promise<void>) {
  return promise(title, async (opened) => {
    const encode = opened.encoder.encodeRgb?.bind(opened.encoder);
    if (encode !== undefined) await check({ ...opened, encode });
  });
}

export const bytesPromises: readonly EncoderPromise[] = [
  promise("bytes give the embeddings of the pixels that core makes of them, bit for bit", async ({ encoder, towers, tolerance }) => {
    const B = Math.min(encoder.capabilities.maxBatch, 64) + 3;
    for (const by of [TOY_SPEC, IMAGENET]) {
      const rgb = toyRgb(B);
      const pixels = pixelsOf(rgb, B, by);
      const { data, shape } = await encodeRgb(encoder, rgb, B, by);
      holds(shape[0] === B && shape[1] === TOY_SPEC.embedDim, `shape — got [${shape}]`);
      near(data, towers.images(pixels, B), tolerance, "bytes");
      const { data: wanted } = await encoder.encodeImages(pixels, B);
      if (encoder.capabilities.deterministic) same(data, wanted, "bytes beside pixels");
      else near(data, Float64Array.from(wanted), tolerance, "bytes beside pixels");
    }
  }),
  ofBytes("no bytes give no rows, and bytes are neither changed nor retained", async ({ encode }) => {
    holds((await encode(new Uint8Array(0), 0, TOY_SPEC)).shape.join() === `0,${TOY_SPEC.embedDim}`, "no images");
    const rgb = toyRgb(2);
    const { data } = await encode(rgb, 2, TOY_SPEC);
    const before = data.slice();
    holds(rgb.join() === toyRgb(2).join(), "bytes after the call");
    rgb.fill(1);
    await encode(rgb, 2, TOY_SPEC);
    same(data, before, "a result after its bytes were overwritten");
  }),
  ofBytes("bytes of a wrong shape, or by a mean and std that cannot be, are refused and say why", async ({ encode }) => {
    const rgb = toyRgb(1);
    const zero = { mean: [0, 0, 0], std: [1, 0, 1] } as const;
    await refuses(() => encode(rgb.subarray(1), 1, TOY_SPEC), "bad_input", "too few bytes");
    await refuses(() => encode(rgb, 2, TOY_SPEC), "bad_input", "a larger batch");
    await refuses(() => encode(rgb, 1, zero), "bad_input", "a std of zero");
    await refuses(() => encode(rgb, 1, { ...zero, std: [1, Number.NaN, 1] }), "bad_input", "a std that is no number");
    await encode(rgb, 1, TOY_SPEC);
  }),
  ofBytes("a call with bytes heeds its signal, and the encoder goes on", async ({ encode }) => {
    const reason = new Error("enough");
    const refused = await outcome(() => encode(toyRgb(1), 1, TOY_SPEC, { signal: AbortSignal.abort(reason) }));
    holds(refused === reason, `an aborted call — got ${String(refused)}`);
    await encode(toyRgb(1), 1, TOY_SPEC);
  }),
  {
    title: "after close, bytes are refused",
    async run({ backend, precision }) {
      const encoder = await backend.open(toyTowers(precision === undefined ? {} : { precision }).graphs);
      await encoder.close();
      const refused = await outcome(() => encodeRgb(encoder, toyRgb(1), 1, TOY_SPEC));
      holds(refused instanceof EncoderError && refused.code === "closed", `bytes after close — got ${String(refused)}`);
    },
  },
];
