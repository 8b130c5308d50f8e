// Answers for images: decoded, cropped and embedded once; other classes are then answered from the embeddings that were kept.

import type { Core } from "@biovlm/core";
import { decodeImage } from "@biovlm/imaging";
import type { Classifier, Encoder, Model } from "@biovlm/model";
import { type Call, failureOf } from "./call.js";
import type { Failure, ImageAnswer, ImageRef, Picture } from "./protocol.js";

/** Embeddings kept, so that other classes are answered at once. */
const MOST_EMBEDDINGS = 20_000;

export interface AnswerParts {
  readonly core: Core;
  readonly encoder: Encoder;
  readonly model: Model;
  readonly classifier: Classifier;
}

/** An image file's pixels, within the page's time. @throws ImageError of what cannot be read */
export async function decoded(file: Blob) {
  return decodedBytes(new Uint8Array(await file.arrayBuffer()));
}

/** The same of a file's bytes. */
export function decodedBytes(bytes: Uint8Array) {
  return decodeImage(bytes, { timeoutMs: 20_000 });
}

/** Embeddings by the page's numbers of images. */
export class ImageAnswers {
  private readonly embeddings = new Map<number, Float32Array>();

  /** Forgets every embedding: another model, or pixels prepared in another way. */
  clear(): void {
    this.embeddings.clear();
  }

  /** One answer or failure for each image, in their order; only images that were not seen before are decoded and carry a picture. */
  async classify(images: readonly ImageRef[], parts: AnswerParts, call: Call): Promise<ImageAnswer[]> {
    const { pictures, failures } = await this.pictures(images, parts, call);
    await this.embed([...pictures], parts, call.signal);
    const answers = images.map(({ id }): ImageAnswer => {
      const embedding = this.embeddings.get(id);
      const [answer] = embedding === undefined ? [] : parts.classifier.classifyEmbeddings(embedding, { explain: true });
      if (answer === undefined) return { id, ok: false, error: failures.get(id) ?? { code: "no_answer", message: "no answer" } };
      const picture = pictures.get(id);
      return { id, ok: true, answer, ...(picture === undefined ? {} : { picture }) };
    });
    for (const oldest of this.embeddings.keys()) {
      if (this.embeddings.size <= MOST_EMBEDDINGS) break;
      this.embeddings.delete(oldest);
    }
    return answers;
  }

  /** What the model sees of each image that has no embedding yet, or why it cannot be read. */
  private async pictures(images: readonly ImageRef[], { core, model }: AnswerParts, { signal, tell }: Call) {
    const size = model.spec.vision.imageSize;
    const pictures = new Map<number, Picture>();
    const failures = new Map<number, Failure>();
    for (const { id, file } of images) {
      signal.throwIfAborted();
      if (this.embeddings.has(id)) continue;
      try {
        pictures.set(id, { size, rgb: core.resizeCrop(await decoded(file), size) });
      } catch (error) {
        failures.set(id, failureOf(error));
      }
      tell({ kind: "images", done: pictures.size + failures.size, total: images.length });
    }
    return { pictures, failures };
  }

  private async embed(
    fresh: readonly (readonly [number, Picture])[],
    { core, encoder, model, classifier }: AnswerParts,
    signal: AbortSignal,
  ): Promise<void> {
    const length = 3 * model.spec.vision.imageSize ** 2;
    const pixels = new Float32Array(fresh.length * length);
    for (const [i, [, { rgb }]] of fresh.entries()) core.normalize(rgb, classifier.pixels, pixels, i * length);
    const { data, shape } = await encoder.encodeImages(pixels, fresh.length, { signal });
    for (const [i, [id]] of fresh.entries()) this.embeddings.set(id, data.slice(i * shape[1], (i + 1) * shape[1]));
  }
}
