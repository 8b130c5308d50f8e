// The encoder over any runtime that opens ONNX models: splits calls into batches, groups texts by length, checks what goes in and comes out,
// queues, aborts, closes. A backend brings a TowerRuntime (how to open and run a model there) and nothing else; see encoder.ts for the promises.

import type { Capabilities, ChannelScale, Embeddings, Encoder, KeepOptions, PromptRows, RunOptions, Tape } from "../contract/encoder.js";
import type { EncoderGraphs } from "../contract/encoder-graphs.js";
import { EncoderError } from "../contract/errors.js";
import { bytesAreExact, pixelsOf, rgbFeeds } from "./exact-bytes.js";
import { imageTowerSession, imageTowersFor } from "./image-tower-session.js";
import { groupByLength, rowLengths } from "./length-groups.js";
import type { RunQueue } from "./run-queue.js";
import { checkPixels, checkRgb, checkRows, checkScale, checkTokens, finiteGradient, liveRows } from "./tower-checks.js";
import type { RuntimeTensor, TowerRuntime, TowerSession } from "./tower-runtime.js";

interface TapePart {
  readonly rows: readonly number[];
  readonly length: number;
  readonly kept: Record<string, RuntimeTensor>;
}

class KeptActivations implements Tape {
  parts: TapePart[] = [];
  readonly owner: TowerEncoder;
  readonly shape: readonly [number, number, number];

  constructor(owner: TowerEncoder, shape: readonly [number, number, number]) {
    this.owner = owner;
    this.shape = shape;
  }

  dispose(): void {
    for (const part of this.parts.splice(0)) for (const t of Object.values(part.kept)) t.dispose();
  }
}

/** What people call them. */
const NAMES = { image: "image", imageOfBytes: "image", text: "text", forward: "forward", backward: "backward" } as const;
/** One model each. */
type Use = "image" | "imageOfBytes" | "text" | "forward" | "backward";
type Opened = { session: TowerSession; tape: readonly string[]; queue: RunQueue };

/** An encoder over a runtime. `capabilities.gradients` false leaves the gradient methods out. */
export function towerEncoder(runtime: TowerRuntime, graphs: EncoderGraphs, name: string, capabilities: Capabilities): Encoder {
  return new TowerEncoder(runtime, graphs, name, capabilities);
}

class TowerEncoder implements Encoder {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly encodePromptsBackward?: NonNullable<Encoder["encodePromptsBackward"]>;
  private readonly runtime: TowerRuntime;
  private readonly graphs: EncoderGraphs;
  /** what computes images where the runtime does not */
  private readonly images: TowerRuntime["imageTowers"];
  private readonly sessions = new Map<string, Promise<Opened>>();
  private readonly calls = new Set<Promise<unknown>>();
  /** runs of the text tower that have asked for its session */
  private textRuns = 0;
  private closing: Promise<void> | undefined;

  constructor(runtime: TowerRuntime, graphs: EncoderGraphs, name: string, capabilities: Capabilities) {
    this.runtime = runtime;
    this.graphs = graphs;
    this.name = name;
    this.images = imageTowersFor(runtime, graphs);
    const { name: by = "", bits = "" } = this.images?.towers ?? {};
    this.capabilities = this.images === undefined ? capabilities : { ...capabilities, imageTower: { name: by, bits } };
    if (capabilities.gradients) {
      this.encodePromptsBackward = (from, dOut, options) => this.call(() => this.backward(from, dOut, options));
    }
  }

  encodeImages(pixels: Float32Array, batch: number, options: KeepOptions = {}): Promise<Embeddings> {
    return this.call(async () => {
      if (options.keep === true) throw withoutGradients(this.name, "gradients on images");
      const { imageSize: S } = this.graphs.spec.vision;
      const D = this.graphs.spec.embedDim;
      checkPixels(this.name, pixels, batch, S);
      const out = new Float32Array(batch * D);
      const row = 3 * S * S;
      for (let from = 0; from < batch; from += this.capabilities.maxBatch) {
        const to = Math.min(batch, from + this.capabilities.maxBatch);
        const feeds = { pixels: this.runtime.tensor(pixels.subarray(from * row, to * row), [to - from, 3, S, S]) };
        const { embedding } = await this.run("image", feeds, ["embedding"], options.signal);
        out.set(await this.rows(tensorOf(embedding), to - from, D), from * D);
      }
      return { data: out, shape: [batch, D] };
    });
  }

  encodeRgb(rgb: Uint8Array, batch: number, by: ChannelScale, options: RunOptions = {}): Promise<Embeddings> {
    return this.call(async () => {
      const { imageSize: S } = this.graphs.spec.vision;
      const D = this.graphs.spec.embedDim;
      checkRgb(this.name, rgb, batch, S);
      checkScale(this.name, by);
      options.signal?.throwIfAborted();
      const inGraph = this.images !== undefined || (this.graphs.imageOfBytes !== undefined && (await bytesAreExact(this.runtime)));
      const out = new Float32Array(batch * D);
      const row = 3 * S * S;
      for (let from = 0; from < batch; from += this.capabilities.maxBatch) {
        const n = Math.min(batch - from, this.capabilities.maxBatch);
        const some = rgb.subarray(from * row, (from + n) * row);
        const feeds = inGraph
          ? rgbFeeds(this.runtime, some, [n, S, S, 3], by)
          : { pixels: this.runtime.tensor(pixelsOf(some, n, by), [n, 3, S, S]) };
        const { embedding } = await this.run(inGraph ? "imageOfBytes" : "image", feeds, ["embedding"], options.signal);
        out.set(await this.rows(tensorOf(embedding), n, D), from * D);
      }
      return { data: out, shape: [batch, D] };
    });
  }

  encodeTexts(ids: Int32Array, mask: Uint8Array, shape: readonly [number, number], options: RunOptions = {}): Promise<Embeddings> {
    return this.call(async () => {
      const [n, L] = shape;
      checkTokens(this.name, ids, mask, n, L, this.graphs.spec.text);
      const { width: W } = this.graphs.spec.text;
      const words = (rows: readonly number[], length: number) => {
        const picked = new Int32Array(rows.length * length);
        for (const [i, r] of rows.entries()) picked.set(ids.subarray(r * L, r * L + length), i * length);
        return this.graphs.wordVectors(picked);
      };
      return (await this.texts(words, mask, [n, L, W], false, options.signal)).out;
    });
  }

  encodePrompts(rows: PromptRows, { keep = false, signal }: KeepOptions = {}) {
    return this.call(async () => {
      checkRows(this.name, rows, this.graphs.spec.text);
      if (keep && !this.capabilities.gradients) throw withoutGradients(this.name, "gradients");
      return this.texts(wordsOf(rows), rows.mask, rows.shape, keep, signal);
    });
  }

  close(): Promise<void> {
    this.closing ??= (async () => {
      while (this.calls.size > 0) await Promise.allSettled(this.calls);
      const opened = await Promise.allSettled(this.sessions.values());
      this.sessions.clear();
      for (const o of opened) if (o.status === "fulfilled") await o.value.queue.run(() => o.value.session.release());
    })();
    return this.closing;
  }

  private async backward(from: Tape | PromptRows, dOut: Float32Array, options: RunOptions = {}): Promise<Float32Array> {
    if (!(from instanceof KeptActivations) && !("embeddings" in from)) {
      throw new EncoderError(
        this.name,
        "bad_input",
        "backward — expected a tape of this encoder or prompt rows, got neither. Pass what encodePrompts gave.",
      );
    }
    const D = this.graphs.spec.embedDim;
    const [n, L, W] = from.shape;
    if (dOut.length !== n * D) {
      throw new EncoderError(
        this.name,
        "bad_input",
        `backward dOut — expected ${n * D} numbers for [${n}, ${D}], got ${dOut.length}. Check the rows.`,
      );
    }
    const dWords = new Float32Array(n * L * W);
    const spend = async (part: TapePart) => {
      try {
        const picked = new Float32Array(part.rows.length * D);
        for (const [i, r] of part.rows.entries()) picked.set(dOut.subarray(r * D, r * D + D), i * D);
        const feeds = { ...part.kept, d_embedding: this.runtime.tensor(picked, [part.rows.length, D]) };
        const { d_embeddings } = await this.run("backward", feeds, ["d_embeddings"], options.signal);
        const data = finiteGradient(this.name, (await tensorOf(d_embeddings).getData()) as Float32Array);
        const width = part.length * W;
        for (const [i, r] of part.rows.entries()) dWords.set(data.subarray(i * width, (i + 1) * width), r * L * W);
        tensorOf(d_embeddings).dispose();
      } finally {
        for (const t of Object.values(part.kept)) t.dispose();
      }
    };
    if (from instanceof KeptActivations) {
      if (from.owner !== this || (from.parts.length === 0 && n > 0)) {
        throw new EncoderError(
          this.name,
          "bad_input",
          "backward tape — expected an unspent tape of this encoder, got a spent one or another's. Run encodePrompts again.",
        );
      }
      try {
        for (let part = from.parts.shift(); part !== undefined; part = from.parts.shift()) await spend(part);
      } finally {
        from.dispose();
      }
      return dWords;
    }
    checkRows(this.name, from, this.graphs.spec.text);
    for (const group of this.groups(from.mask, n, L)) {
      const { part, embedding } = await this.forward(wordsOf(from), from.mask, group, [n, L, W], true, options.signal);
      embedding.dispose();
      await spend(part);
    }
    return dWords;
  }

  /** Texts by length groups; rows come back in the caller's order. */
  private async texts(words: Words, mask: Uint8Array, shape: readonly [number, number, number], keep: boolean, signal?: AbortSignal) {
    const [n, L] = shape;
    const D = this.graphs.spec.embedDim;
    const out = new Float32Array(n * D);
    const tape = new KeptActivations(this, shape);
    try {
      for (const group of this.groups(mask, n, L)) {
        const { part, embedding } = await this.forward(words, mask, group, shape, keep, signal);
        if (keep) tape.parts.push(part);
        const data = await this.rows(embedding, group.rows.length, D);
        for (const [i, r] of group.rows.entries()) out.set(data.subarray(i * D, i * D + D), r * D);
      }
    } catch (error) {
      tape.dispose();
      throw error;
    }
    const result = { out: { data: out, shape: [n, D] as const } };
    return keep ? { ...result, tape } : result;
  }

  private groups(mask: Uint8Array, n: number, L: number) {
    return groupByLength(rowLengths(mask, n, L), this.capabilities.maxBatch, this.runtime.batchCost, this.runtime.batchTokens);
  }

  private async forward(
    words: Words,
    mask: Uint8Array,
    { rows, length }: { rows: readonly number[]; length: number },
    [, L, W]: readonly [number, number, number],
    keep: boolean,
    signal?: AbortSignal,
  ): Promise<{ part: TapePart; embedding: RuntimeTensor }> {
    const trimmed = new Float32Array(rows.length * length);
    for (const [i, r] of rows.entries()) for (let t = 0; t < length; t++) trimmed[i * length + t] = mask[r * L + t]!;
    const feeds: Record<string, RuntimeTensor> = {
      embeddings: this.runtime.tensor(words(rows, length), [rows.length, length, W]),
      mask: this.runtime.tensor(trimmed, [rows.length, length]),
    };
    if (!keep) {
      const { embedding } = await this.run("text", feeds, ["embedding"], signal);
      return { part: { rows, length, kept: {} }, embedding: tensorOf(embedding) };
    }
    const { tape } = await this.session("forward");
    const computed = tape.filter((name) => !(name in feeds));
    const outputs = await this.run("forward", feeds, ["embedding", ...computed], signal);
    const kept = Object.fromEntries(tape.map((name) => [name, tensorOf(outputs[name] ?? feeds[name])]));
    return { part: { rows, length, kept }, embedding: tensorOf(outputs["embedding"]) };
  }

  /** Reads, checks and frees an `embedding` output. */
  private async rows(tensor: RuntimeTensor, rows: number, D: number): Promise<Float32Array> {
    try {
      return liveRows(this.name, (await tensor.getData()) as Float32Array, rows, D);
    } finally {
      tensor.dispose();
    }
  }

  private session(use: Use): Promise<Opened> {
    const known = this.sessions.get(use);
    if (known !== undefined) return known;
    const opened = this.openSession(use).catch((cause) => {
      this.sessions.delete(use);
      if (cause instanceof EncoderError) throw cause;
      throw new EncoderError(
        this.name,
        "open_failed",
        `${NAMES[use]} tower — expected a session on ${this.capabilities.device}, got: ${reasonOf(cause)}. Try another device.`,
        cause,
      );
    });
    this.sessions.set(use, opened);
    return opened;
  }

  private async openSession(use: Use): Promise<Opened> {
    const { form, queue } = this.runtime;
    if (use === "image" && this.images !== undefined)
      return { session: await imageTowerSession(this.images, this.graphs), tape: [], queue: this.images.queue };
    if (use === "image" || use === "imageOfBytes" || use === "text") {
      const artifact = await (use === "imageOfBytes" ? (this.graphs.imageOfBytes ?? this.graphs.image) : this.graphs[use])(form);
      return { session: await queue.run(() => this.runtime.open(artifact, [], use === "text")), tape: [], queue };
    }
    if (this.graphs.promptGradients === undefined) {
      throw new EncoderError(
        this.name,
        "not_supported",
        "gradients — expected a model with gradient graphs, got none. Load it with gradients.",
      );
    }
    const made = await this.graphs.promptGradients(form);
    await this.letTextGo();
    const session = await queue.run(() => this.runtime.open(made[use], use === "forward" ? made.tape : [], true));
    return { session, tape: made.tape, queue };
  }

  /**
   * Frees the text tower's session where nothing runs on it: learning encodes its sentences first and then goes on with the two that gradients need,
   * each with weights of its own. It is opened again when it is asked for.
   */
  private async letTextGo(): Promise<void> {
    const opened = this.sessions.get("text");
    if (opened === undefined || this.textRuns > 0) return;
    this.sessions.delete("text");
    const { session } = await opened;
    await this.runtime.queue.run(() => session.release());
  }

  private async run(use: Use, feeds: Record<string, RuntimeTensor>, fetches: string[], signal?: AbortSignal) {
    if (use !== "text") return this.runOn(use, feeds, fetches, signal);
    this.textRuns++;
    try {
      return await this.runOn(use, feeds, fetches, signal);
    } finally {
      this.textRuns--;
    }
  }

  private async runOn(use: Use, feeds: Record<string, RuntimeTensor>, fetches: string[], signal?: AbortSignal) {
    signal?.throwIfAborted();
    // one that is no graph takes both forms
    const { session, queue } = await this.session(use === "imageOfBytes" && this.images !== undefined ? "image" : use);
    const outputs = await queue.run(async () => {
      try {
        return await session.run(feeds, fetches);
      } catch (cause) {
        throw new EncoderError(
          this.name,
          "run_failed",
          `${NAMES[use]} tower — expected a result on ${this.capabilities.device}, got: ${reasonOf(cause)}. Try another device.`,
          cause,
        );
      }
    }, signal);
    if (signal?.aborted === true) {
      for (const output of Object.values(outputs)) output.dispose();
      throw signal.reason;
    }
    return outputs;
  }

  private async call<T>(job: () => Promise<T>): Promise<T> {
    if (this.closing !== undefined) {
      throw new EncoderError(this.name, "closed", "encoder — expected an open one, got one that was closed. Open the model again.");
    }
    const running = job();
    this.calls.add(running);
    try {
      return await running;
    } finally {
      this.calls.delete(running);
    }
  }
}

function withoutGradients(name: string, what: string): EncoderError {
  return new EncoderError(name, "not_supported", `keep — expected an encoder with ${what}, got one without. Open a model that has them.`);
}

/** An output that was asked for. @throws RangeError for a runtime that left it out */
function tensorOf(output: RuntimeTensor | undefined): RuntimeTensor {
  if (output === undefined)
    throw new RangeError("output of a tower — expected the one asked for, got none. This is a fault of the runtime: report it.");
  return output;
}

/** A runtime's own words, without the full stop that ours puts behind them. */
function reasonOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).replace(/[\s.]+$/, "");
}

type Words = (rows: readonly number[], length: number) => Float32Array;

function wordsOf({ embeddings, shape: [, L, W] }: PromptRows): Words {
  return (rows, length) => {
    const picked = new Float32Array(rows.length * length * W);
    for (const [i, r] of rows.entries()) picked.set(embeddings.subarray(r * L * W, (r * L + length) * W), i * length * W);
    return picked;
  };
}
