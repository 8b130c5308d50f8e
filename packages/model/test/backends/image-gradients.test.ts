// The promises of `imageGradients` against an encoder that has them, in plain numbers: the seam holds before any backend fills it, and a wrong
// gradient is caught. It wraps the cpu encoder for all else.

import { cpuBackend } from "@biovlm/backend-cuda";
import { differentiate, evaluate } from "@biovlm/graph";
import { afterAll, describe, expect, it } from "vitest";
import { type Encoder, type EncoderBackend, EncoderError, type EncoderGraphs, type ImageRows, type Tape } from "../../src/backend.js";
import { openWithFailover } from "../../src/index.js";
import { closeShared, type EncoderSubject, encoderPromises, TOY_SPEC, toyTowers } from "../../src/testing/index.js";

const S = TOY_SPEC.vision.imageSize;
const D = TOY_SPEC.embedDim;
const { forward, backward } = differentiate(toyTowers().image, { outputs: ["embedding"], wrt: ["pixels"] });

class PixelTape implements Tape {
  rows: ImageRows | undefined;
  constructor(rows: ImageRows) {
    this.rows = { pixels: rows.pixels.slice(), batch: rows.batch };
  }
  dispose(): void {
    this.rows = undefined;
  }
}

/** `wrong` is added to every number of the gradient. */
function withImageGradients(inner: EncoderBackend, wrong = 0): EncoderBackend {
  const opened = new Map<EncoderGraphs, Encoder>();
  return {
    ...inner,
    probe: () => inner.probe(),
    async open(graphs) {
      const known = opened.get(graphs);
      if (known !== undefined) return known;
      const encoder = await inner.open(graphs);
      const refuse = (what: string) => new EncoderError(encoder.name, "bad_input", `${what} — expected what fits, got other. Check it.`);
      const wrapped: Encoder = {
        name: encoder.name,
        capabilities: { ...encoder.capabilities, imageGradients: true },
        encodeTexts: (...call) => encoder.encodeTexts(...call),
        encodePrompts: (...call) => encoder.encodePrompts(...call),
        ...(encoder.encodePromptsBackward === undefined ? {} : { encodePromptsBackward: encoder.encodePromptsBackward.bind(encoder) }),
        async encodeImages(pixels, batch, { keep = false, ...options } = {}) {
          const tape = keep ? new PixelTape({ pixels, batch }) : undefined;
          const out = await encoder.encodeImages(pixels, batch, options);
          return tape === undefined ? out : { ...out, tape };
        },
        async encodeImagesBackward(from, dOut, options = {}) {
          options.signal?.throwIfAborted();
          const rows = from instanceof PixelTape ? from.rows : "pixels" in from ? from : undefined;
          if (rows === undefined) throw refuse("tape");
          if (rows.pixels.length !== rows.batch * 3 * S * S) throw refuse("pixels");
          if (dOut.length !== rows.batch * D) throw refuse("dOut");
          if (from instanceof PixelTape) from.dispose();
          if (rows.batch === 0) return new Float32Array(0);
          const pixels = { shape: [rows.batch, 3, S, S], data: rows.pixels };
          const kept = evaluate(forward, { pixels });
          const feeds = Object.fromEntries(
            backward.inputs.map(({ name }) => {
              if (name === "d_embedding") return [name, { shape: [rows.batch, D], data: dOut }];
              const value = name === "pixels" ? pixels : kept[name];
              if (value === undefined) throw new Error(`no value for ${name}`);
              return [name, value];
            }),
          );
          const gradient = evaluate(backward, feeds)["d_pixels"];
          if (gradient === undefined) throw new Error("no gradient came out");
          return Float32Array.from(gradient.data, (g) => g + wrong);
        },
        close: () => {
          opened.delete(graphs);
          return encoder.close();
        },
      };
      opened.set(graphs, wrapped);
      return wrapped;
    },
  };
}

const aboutImages = encoderPromises.filter(({ title }) => /images/.test(title));
const subject: EncoderSubject = { backend: withImageGradients(cpuBackend({ threads: 1, maxBatch: 4 })) };
const behindFailover: EncoderSubject = {
  backend: { ...subject.backend, open: (graphs) => openWithFailover(graphs, [withImageGradients(cpuBackend({ threads: 1 }))]) },
};

describe("an encoder with gradients on images", () => {
  afterAll(async () => {
    await closeShared(subject);
    await closeShared(behindFailover);
  });

  for (const { title, run } of aboutImages) {
    it(`keeps: ${title}`, () => run(subject));
  }

  it("keeps them behind a failover too", async () => {
    for (const { title, run } of aboutImages) if (!/opening again/.test(title)) await run(behindFailover);
  });

  it("is caught where a gradient is wrong", async () => {
    const wrong: EncoderSubject = { backend: withImageGradients(cpuBackend({ threads: 1 }), 0.5) };
    const check = aboutImages.find(({ title }) => /finite differences/.test(title));
    await expect(check?.run(wrong)).rejects.toThrow(/breaks its contract: gradient by tape/);
    await closeShared(wrong);
  });
});
