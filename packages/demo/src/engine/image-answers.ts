// Answers for images: decoded, cropped and embedded once; other classes are then answered from the embeddings that were kept.

import type { Core } from "@biovlm/core";
import { sliceNotes } from "@biovlm/imaging";
import type { Classifier, Encoder, Model } from "@biovlm/model";
import { type Call, failureOf } from "./call.js";
import type { ImageDecoding } from "./image-decoding.js";
import { imageKey } from "./image-key.js";
import type { Failure, ImageAnswer, ImageRef, Looked } from "./protocol.js";

/** Embeddings kept, so that other classes are answered at once. */
const MOST_EMBEDDINGS = 20_000;

export interface AnswerParts {
  readonly core: Core;
  readonly encoder: Encoder;
  readonly model: Model;
  readonly classifier: Classifier;
  readonly images: ImageDecoding;
}

/** What the model sees of an image. @throws ImagingError */
export async function lookedAt(
  ref: Omit<ImageRef, "id">,
  { core, model, images }: Omit<AnswerParts, "encoder" | "classifier">,
): Promise<Looked> {
  const size = model.spec.vision.imageSize;
  const pixels = await images.pixels(ref);
  const { dicom, slice, page, ranged, notes: said = [] } = pixels;
  const notes = slice === undefined ? said : sliceNotes(slice);
  const facts = { ...(dicom === undefined ? {} : { dicom }), ...(slice === undefined ? {} : { slice }) };
  return { size, rgb: core.resizeCrop(pixels, size), notes, ranged, ...facts, ...(page === undefined ? {} : { page }) };
}

/** Embeddings by the page's numbers of images, and how they are shown. */
export class ImageAnswers {
  private readonly embeddings = new Map<string, Float32Array>();

  /** Forgets every embedding: another model, or pixels prepared in another way. */
  clear(): void {
    this.embeddings.clear();
  }

  /** One answer or failure for each image, in their order; only images that were not seen before are decoded and carry a picture. */
  async classify(images: readonly ImageRef[], parts: AnswerParts, call: Call): Promise<ImageAnswer[]> {
    const { pictures, failures } = await this.pictures(images, parts, call);
    await this.embed([...pictures], parts, call.signal);
    const answers = images.map((image): ImageAnswer => {
      const { id } = image;
      const key = imageKey(image);
      const embedding = this.embeddings.get(key);
      const [answer] = embedding === undefined ? [] : parts.classifier.classifyEmbeddings(embedding, { explain: true });
      if (answer === undefined) return { id, ok: false, error: failures.get(key) ?? { code: "no_answer", message: "no answer" } };
      const picture = pictures.get(key);
      return { id, ok: true, answer, ...(picture === undefined ? {} : { picture }) };
    });
    for (const oldest of this.embeddings.keys()) {
      if (this.embeddings.size <= MOST_EMBEDDINGS) break;
      this.embeddings.delete(oldest);
    }
    return answers;
  }

  /** What the model sees of each image that has no embedding yet, or why it cannot be read, by its key. */
  private async pictures(images: readonly ImageRef[], parts: AnswerParts, { signal, tell }: Call) {
    const pictures = new Map<string, Looked>();
    const failures = new Map<string, Failure>();
    for (const image of images) {
      signal.throwIfAborted();
      const key = imageKey(image);
      if (this.embeddings.has(key)) continue;
      try {
        pictures.set(key, await lookedAt(image, parts));
      } catch (error) {
        failures.set(key, failureOf(error));
      }
      tell({ kind: "images", done: pictures.size + failures.size, total: images.length });
    }
    return { pictures, failures };
  }

  private async embed(
    fresh: readonly (readonly [string, Looked])[],
    { core, encoder, model, classifier }: AnswerParts,
    signal: AbortSignal,
  ): Promise<void> {
    const length = 3 * model.spec.vision.imageSize ** 2;
    const pixels = new Float32Array(fresh.length * length);
    for (const [i, [, { rgb }]] of fresh.entries()) core.normalize(rgb, classifier.pixels, pixels, i * length);
    const { data, shape } = await encoder.encodeImages(pixels, fresh.length, { signal });
    for (const [i, [key]] of fresh.entries()) this.embeddings.set(key, data.slice(i * shape[1], (i + 1) * shape[1]));
  }
}
