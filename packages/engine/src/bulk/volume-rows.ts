// Rows of a bulk job that are volumes: the files of a series, or one file of any number of frames → means over all their frames. One file is held,
// beside what is read ahead, and one decoded frame. Each row is cut into batches by itself, so that it gives the same bits whatever stands beside
// it; between two batches it can be told as bytes how far it is, and gone on from there.

import { isJsonObject, type Json, joinedFloats, parseStrictJson } from "@biovlm/files";
import { pixelSpec } from "@biovlm/model";
import { rowPreparation } from "../images/classified-images.js";
import { frameVariant } from "../images/decode-options.js";
import { encodedImages, NO_ROW } from "../images/encoded-images.js";
import { type ImageFailure, imageFailure } from "../images/image-failure.js";
import { digestOf } from "../images/image-reader.js";
import { digestTogether } from "../images/picture-stack.js";
import { contentDigest } from "../images/prepared-image.js";
import type { BulkFile, BulkRow } from "./bulk-images.js";
import { chunkBytes, type RowOutcome } from "./chunk-bytes.js";
import { ReadAhead } from "./read-ahead.js";
import { allRefused, checkSource } from "./source-fault.js";
import type { EmbeddedPiece, ShardWorkerOptions } from "./worker-options.js";

/** Frames after which it is told how far a volume is: the list of its digests grows with it. */
const TOLD_FRAMES = 16;

/** How far a volume is: whole batches of its frames. */
interface Progress {
  /** of the files that were opened, with the variant of how they are shown */
  readonly digests: string[];
  /** their frames; of the last one some may not be among those that are done */
  readonly frames: number[];
  done: number;
  /** sums of the frames' rows [D] and probabilities [C] */
  readonly rows: Float64Array;
  readonly probabilities: Float64Array;
  /** of every prompt [N], of the first frame */
  entropies: readonly number[];
}

/** Files of a row. */
const filesOf = (row: BulkRow): readonly BulkFile[] => row.files ?? [row];

/**
 * A piece for each row, and pieces of no rows while one is worked on.
 * @param begun the last piece of no rows of the first row, where a worker left one
 */
export async function* embedVolumes(
  rows: readonly BulkRow[],
  begun: Uint8Array | undefined,
  options: ShardWorkerOptions,
): AsyncGenerator<EmbeddedPiece, void, undefined> {
  const { images, readAhead, signal } = options;
  const volumes = new Volumes(options);
  let progress = volumes.goneOn(begun);
  let from = progress === undefined ? 0 : firstFile(progress);
  const files = rows.flatMap((row, i) => filesOf(row).slice(i === 0 ? from : 0));
  const ahead = new ReadAhead(files.length, (index, admit) => images.read(files[index] as BulkFile, admit, signal), readAhead);
  let next = 0;
  let held: EmbeddedPiece[] = [];
  let refused = true;
  try {
    for (const row of rows) {
      const end = next + filesOf(row).length - from;
      const take = () => ahead.take(next++);
      const work = volumes.work(filesOf(row), progress ?? volumes.begin(), from, take);
      let step = await work.next();
      for (; step.done !== true; step = await work.next()) {
        refused = false;
        yield* held.splice(0);
        yield { rows: 0, bytes: step.value };
      }
      const { outcome, mean } = step.value;
      for (; next < end; next++) ahead.skip(next);
      refused &&= outcome.code === "not_permitted";
      held.push({ rows: 1, bytes: chunkBytes({ outcomes: [outcome], rows: mean }) });
      // nothing is said of images that may not be read before one of the chunk may
      if (!refused || rows.length === 1) yield* held;
      if (!refused) held = [];
      progress = undefined;
      from = 0;
    }
  } finally {
    ahead.close();
  }
  if (refused && rows.length > 1) throw allRefused();
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

/** The first file of which frames are left. */
function firstFile({ frames, done }: Progress): number {
  return done < sum(frames) ? frames.length - 1 : frames.length;
}

/** A frame, ready for the encoder. */
interface Frame {
  readonly rgb: Uint8Array;
  /** whether it is the last one of the volume */
  readonly last: boolean;
}

class Volumes {
  private readonly options: ShardWorkerOptions;
  private readonly D: number;
  private readonly classes: readonly string[];
  private readonly pixels: ReturnType<typeof pixelSpec>;
  private readonly preparation: ReturnType<typeof rowPreparation>;
  private readonly variant: string;

  constructor(options: ShardWorkerOptions) {
    const { core, model, classifier, files } = options;
    this.options = options;
    this.D = model.spec.embedDim;
    this.classes = classifier?.classes ?? [];
    this.pixels = classifier?.pixels ?? pixelSpec(model.spec);
    this.preparation = rowPreparation(core, this.pixels, files);
    this.variant = frameVariant(files);
  }

  /** As bytes tell it; undefined without any, and for bytes that tell nothing of a volume. */
  goneOn(bytes: Uint8Array | undefined): Progress | undefined {
    return bytes === undefined ? undefined : readProgress(bytes, this.D, this.classes.length);
  }

  begin(): Progress {
    const sums = { rows: new Float64Array(this.D), probabilities: new Float64Array(this.classes.length) };
    return { digests: [], frames: [], done: 0, entropies: [], ...sums };
  }

  /** Frame by frame to what the volume gave; yields how far it is. Rejects as the encoder does, and where the source fails. */
  async *work(
    files: readonly BulkFile[],
    progress: Progress,
    from: number,
    take: () => Promise<Uint8Array>,
  ): AsyncGenerator<Uint8Array, { readonly outcome: RowOutcome; readonly mean: Float32Array }, undefined> {
    const { images, files: asked, signal } = this.options;
    const frames = this.frames(files, progress, from, take);
    let batch: Uint8Array[] = [];
    let told = progress.done;
    for (;;) {
      let step: IteratorResult<Frame, ImageFailure | undefined>;
      try {
        step = await frames.next();
      } catch (error) {
        signal?.throwIfAborted();
        step = { done: true, value: imageFailure(error) };
      }
      if (step.done === true) {
        const fault = step.value;
        if (fault === undefined) break;
        await checkSource(fault, images);
        return failed(files, progress, fault.code);
      }
      const { rgb, last } = step.value;
      batch.push(rgb);
      if (batch.length < asked.batch && !last) continue;
      if (!(await this.add(progress, batch))) {
        await frames.return(undefined);
        return failed(files, progress, NO_ROW.code);
      }
      batch = [];
      if (last || progress.done - told < TOLD_FRAMES) continue;
      told = progress.done;
      yield progressBytes(progress);
    }
    return this.together(progress);
  }

  /** Frames that are not done, file after file. Returns why a file is refused for its content. @throws what reading and decoding throw */
  private async *frames(
    files: readonly BulkFile[],
    progress: Progress,
    from: number,
    take: () => Promise<Uint8Array>,
  ): AsyncGenerator<Frame, ImageFailure | undefined, undefined> {
    const { core, signal } = this.options;
    const { decoder, decode } = this.preparation;
    for (let at = from; at < files.length; at++) {
      const bytes = await take();
      const content = { kind: "file", bytes } as const;
      const plain = await contentDigest(content);
      const digest = this.variant === "" ? plain : await digestOf(content, this.variant);
      const before = progress.digests[at];
      if (before === undefined) progress.digests.push(digest);
      const wanted = files[at]?.sha256;
      if (wanted !== undefined && wanted !== plain) return { code: "digest_mismatch", message: "" };
      if (before !== undefined && before !== digest) return { code: "file_changed", message: "" };
      const stack = await decoder.open(bytes, decode);
      if (before === undefined) progress.frames.push(stack.frames);
      const how = stack.windowed ? { window: decode.window } : {};
      for (let index = before === undefined ? 0 : progress.done - sum(progress.frames.slice(0, at)); index < stack.frames; index++) {
        signal?.throwIfAborted();
        const rgb = core.resizeCrop(await stack.frame(index, how), this.pixels.size);
        yield { rgb, last: at === files.length - 1 && index === stack.frames - 1 };
      }
    }
    return undefined;
  }

  /** Adds a batch of frames to the sums. @returns false where one of them has no row, and nothing was added */
  private async add(progress: Progress, batch: readonly Uint8Array[]): Promise<boolean> {
    const { core, encoder, classifier, embeddings, signal } = this.options;
    const { pixels, D, classes } = this;
    const encoded = await encodedImages(encoder, batch, pixels, { signal });
    if (encoded.without.length > 0) return false;
    const data = joinedFloats(encoded.data);
    const rows = embeddings === "normalized" ? core.l2Normalize(data, batch.length, D) : data;
    for (const [i, value] of rows.entries()) progress.rows[i % D] = (progress.rows[i % D] ?? 0) + value;
    for (const { predictions, prompts = [] } of classifier?.classifyEmbeddings(data, { explain: progress.done === 0 }) ?? []) {
      if (prompts.length > 0 && progress.entropies.length === 0) progress.entropies = prompts.map(({ entropy }) => entropy);
      for (const { class: name, probability } of predictions) {
        const place = classes.indexOf(name);
        progress.probabilities[place] = (progress.probabilities[place] ?? 0) + probability;
      }
    }
    progress.done += batch.length;
    return true;
  }

  private async together({ digests, done, rows, probabilities, entropies }: Progress) {
    const answer = this.options.classifier === undefined ? {} : { probabilities: Array.from(probabilities, (sum) => sum / done) };
    const prompts = done === 1 && entropies.length > 0 ? { entropies } : {};
    const outcome: RowOutcome = { sha256: await digestTogether(digests), volume: { slices: done, ...answer, ...prompts } };
    return { outcome, mean: Float32Array.from(rows, (sum) => sum / done) };
  }
}

/** A volume with a code; its digest, where it is one file that was read. */
function failed(files: readonly BulkFile[], { digests }: Progress, code: string) {
  const [sha256] = files.length === 1 ? digests : [];
  return { outcome: { ...(sha256 === undefined ? {} : { sha256 }), code }, mean: new Float32Array(0) };
}

function progressBytes({ digests, frames, done, rows, probabilities }: Progress): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ digests, frames, done, rows: [...rows], probabilities: [...probabilities] }));
}

/** Undefined for bytes that are nothing of a volume: it is then begun anew. */
function readProgress(bytes: Uint8Array, D: number, C: number): Progress | undefined {
  try {
    const json = parseStrictJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes), "progress");
    if (!isJsonObject(json) || !Array.isArray(json["digests"])) return undefined;
    const digests = json["digests"].filter((digest) => typeof digest === "string");
    const [frames, rows, probabilities] = [numbersOf(json["frames"]), numbersOf(json["rows"]), numbersOf(json["probabilities"])];
    const done = json["done"];
    if (frames.length !== digests.length || rows.length !== D || probabilities.length !== C || typeof done !== "number") return undefined;
    return { digests, frames, done, rows: Float64Array.from(rows), probabilities: Float64Array.from(probabilities), entropies: [] };
  } catch {
    return undefined;
  }
}

const numbersOf = (given: Json | undefined): number[] => (Array.isArray(given) ? given.filter((value) => typeof value === "number") : []);
