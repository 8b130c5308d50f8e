// The pool's policy: which child takes which job, and what happens when one ends. Jobs in flight on a child that died are tried once more, each
// image alone, so that a file that kills its process fails alone. A device that keeps killing children is left for the next one where the device
// is `auto`; a named device is tried again with growing pauses. Children are recycled by runs and by memory, the successor first.

import { nth } from "@biovlm/files";
import type { Capabilities, Encoder } from "@biovlm/model";
import { encoderFailure, unavailable } from "../contract/encoder-failure.js";
import type {
  EncodedBatch,
  EncodedImage,
  EncodedStack,
  Encoding,
  EncodingEvent,
  EncodingStatus,
  ImageLimits,
  StackAsk,
  StackCall,
} from "../contract/encoding.js";
import { EngineError } from "../contract/errors.js";
import { type Batching, imageWindow } from "../images/image-encoder.js";
import type { OpeningSpec } from "../open/opening-spec.js";
import { ChildEnded, ChildHandle, ChildRefused, childDecoderThreads } from "./child-handle.js";
import type { Job, JobAnswer, Rows } from "./messages.js";
import { pooledEncoder } from "./pooled-encoder.js";

export interface PoolOptions extends Partial<Batching> {
  readonly spec: OpeningSpec;
  readonly limits: ImageLimits;
  /** children */
  readonly size: number;
  /** file a child runs; ours unless said */
  readonly entry?: URL | string;
  /** a job that takes longer ends its child, milliseconds. Default 60 000. */
  readonly jobMs?: number;
  /** Default 300 000: a full-size model from a slow disk. */
  readonly openMs?: number;
  /** a child is replaced after so many jobs, each an image of a call. Default 1 000 000. */
  readonly recycleRuns?: number;
  /** a child is replaced when it holds more memory, bytes. Default: never. */
  readonly recycleRss?: number;
  /** pauses before a child that died again and again is started: doubling between these, milliseconds. Default [100, 10 000]. */
  readonly backOffMs?: readonly [number, number];
  /** deaths in a row, without an answer between them, after which `auto` leaves a device. Default 3. */
  readonly breakAfter?: number;
  /** how long there may be no child before waiting jobs are refused, milliseconds. Default 10 000. */
  readonly downMs?: number;
  readonly onEvent?: (event: EncodingEvent) => void;
}

interface Task {
  readonly job: Job;
  readonly call: StackCall;
  /** tried before on a child that died: runs with no other job beside it */
  readonly again: boolean;
  resolve(answer: { readonly answer: JobAnswer; readonly device: string }): void;
  reject(error: unknown): void;
}

interface Slot {
  /** opened, takes jobs */
  child?: ChildHandle;
  /** opening: the first one or a successor */
  coming?: ChildHandle;
  timer?: NodeJS.Timeout;
  /** runs a job that must be alone */
  alone: boolean;
}

const ENTRY = new URL("./child.js", import.meta.url);

/** A pool of child processes. `start` opens the first child of every slot. */
export class EncoderPool implements Encoding {
  readonly encoder: Encoder;
  private readonly options: Required<Omit<PoolOptions, "recycleRss">> & { readonly recycleRss: number };
  private readonly slotList: Slot[];
  /** images a child takes */
  private readonly room: number;
  private readonly tasks: Task[] = [];
  private readonly skip = new Set<string>();
  private standby: readonly string[] = [];
  private capabilities: Capabilities | undefined;
  /** what computes image embeddings in int8 */
  private imageTower: string | undefined;
  private told = "";
  private fellBack = false;
  private deaths = 0;
  private downSince: number | undefined;
  private downTimer: NodeJS.Timeout | undefined;
  private reason = "warming up";
  private closed = false;
  private firstOpened: { resolve(): void; reject(error: unknown): void } | undefined;
  private readonly living = new Set<ChildHandle>();

  constructor(options: PoolOptions) {
    this.options = {
      entry: ENTRY,
      jobMs: 60_000,
      openMs: 300_000,
      recycleRuns: 1_000_000,
      recycleRss: Number.POSITIVE_INFINITY,
      maxBatch: 32,
      maxQueueDelayMs: 0,
      backOffMs: [100, 10_000],
      breakAfter: 3,
      downMs: 10_000,
      onEvent: () => {},
      ...options,
    };
    this.room = imageWindow(this.options.maxBatch, childDecoderThreads());
    this.slotList = Array.from({ length: options.size }, () => ({ alone: false }));
    this.encoder = pooledEncoder({
      capabilities: () => this.capabilities,
      run: async (job) => (await this.submit(job, false)).answer as Rows,
      close: () => this.close(),
    });
  }

  /** processes, for tests that kill them */
  pids(): number[] {
    return [...this.living].flatMap((child) => (child.pid === undefined ? [] : [child.pid]));
  }

  detail(): string {
    return this.told;
  }

  memory(): number {
    return [...this.living].reduce((sum, child) => sum + child.memory(), 0);
  }

  window(): number {
    return this.options.size * this.room;
  }

  status(): EncodingStatus {
    const up = this.slotList.some((slot) => slot.child !== undefined);
    // a child that is back within moments is no reason to be taken off a balancer
    const brief = this.downSince !== undefined && performance.now() - this.downSince < this.options.downMs;
    const ready = !this.closed && (up || brief);
    return {
      ready,
      device: this.capabilities?.device ?? this.options.spec.device,
      precision: this.options.spec.precision,
      ...(this.imageTower === undefined ? {} : { imageTower: this.imageTower }),
      fellBack: this.fellBack,
      ...(ready ? {} : { reason: this.closed ? "closed" : this.reason }),
    };
  }

  /** @throws EngineError `backend_unavailable` when the first child refuses: a model or device that is not there */
  async start(): Promise<void> {
    const first = new Promise<void>((resolve, reject) => {
      this.firstOpened = { resolve, reject };
    });
    for (const slot of this.slotList) this.bringUpAgain(slot);
    try {
      await first;
    } catch (error) {
      await this.close();
      const got = error instanceof Error ? error.message : "no process";
      throw unavailable(`expected to open ${this.options.spec.device}, got: ${got}`, error);
    }
  }

  async encodeFiles(files: readonly Uint8Array[]): Promise<EncodedBatch> {
    try {
      return this.batch(await this.submit({ kind: "files", files }, false));
    } catch (error) {
      if (!(error instanceof ChildEnded)) throw encoderFailure(error);
    }
    // each image alone: the one that killed the child fails, the others are answered
    const alone = await Promise.all(files.map((file) => this.encodeAlone(file)));
    const failed = alone.find((one) => one instanceof Error);
    const batches = alone.flatMap((one) => (one instanceof Error ? [] : [one]));
    const [any] = batches;
    if (any === undefined) throw failed ?? unavailable("expected an answer, got none");
    const sum = (part: keyof EncodedBatch["timings"]) => batches.reduce((total, b) => total + b.timings[part], 0);
    return {
      images: alone.map((one): EncodedImage => {
        if (!(one instanceof Error)) return nth(one.images, 0);
        return { sha256: "", error: { code: "backend_unavailable", message: one.message } };
      }),
      timings: {
        wait: Math.max(...batches.map((b) => b.timings.wait)),
        decode: sum("decode"),
        preprocess: sum("preprocess"),
        encode: sum("encode"),
      },
      runs: batches.flatMap((b) => b.runs),
      device: any.device,
      fellBack: this.fellBack,
    };
  }

  async encodeStack(file: Uint8Array, ask: StackAsk, call: StackCall = {}): ReturnType<Encoding["encodeStack"]> {
    try {
      // as a text is: a stack whose child died is tried once more, alone
      const { answer, device } = await this.submit({ kind: "stack", file, ask }, false, call);
      return { ...(answer as EncodedStack), device, fellBack: this.fellBack };
    } catch (error) {
      call.signal?.throwIfAborted();
      throw encoderFailure(error);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.downTimer);
    for (const slot of this.slotList) clearTimeout(slot.timer);
    const stopped = new EngineError("not_ready", "the encoder — expected to be open, got a stop. Try another.", { retryAfter: 5 });
    this.firstOpened?.reject(stopped);
    this.refuseWaiting(stopped);
    await Promise.all([...this.living].map((child) => child.drain()));
  }

  private async encodeAlone(file: Uint8Array): Promise<EncodedBatch | Error> {
    try {
      return this.batch(await this.submit({ kind: "files", files: [file] }, true));
    } catch (error) {
      const failure =
        error instanceof ChildEnded ? unavailable("expected an answer, got a process that ended twice", error) : encoderFailure(error);
      return failure instanceof Error ? failure : unavailable("expected an answer, got a failure");
    }
  }

  private batch({ answer, device }: { answer: JobAnswer; device: string }): EncodedBatch {
    return { ...(answer as Omit<EncodedBatch, "device" | "fellBack">), device, fellBack: this.fellBack };
  }

  /** Queues a job. Texts and prompts are tried again here; files are split by the caller. */
  private async submit(job: Job, again: boolean, call: StackCall = {}): Promise<{ readonly answer: JobAnswer; readonly device: string }> {
    const queued = (twice: boolean) =>
      new Promise<{ readonly answer: JobAnswer; readonly device: string }>((resolve, reject) => {
        if (this.closed)
          reject(new EngineError("not_ready", "the encoder — expected to be open, got a stop. Try another.", { retryAfter: 5 }));
        else if (!this.status().ready && this.downSince !== undefined) reject(this.downError());
        else {
          this.tasks.push({ job, call, again: twice, resolve, reject });
          this.pump();
        }
      });
    try {
      return await queued(again);
    } catch (error) {
      if (!(error instanceof ChildEnded) || job.kind === "files") throw error;
    }
    try {
      return await queued(true);
    } catch (error) {
      throw error instanceof ChildEnded ? unavailable("expected an answer, got a process that ended twice", error) : error;
    }
  }

  private pump(): void {
    // in order: one that must run alone waits for a child to be empty, and those behind it wait with it
    for (let task = this.tasks[0]; task !== undefined; task = this.tasks[0]) {
      const room = task.again ? 1 : this.room;
      const [place] = this.slotList
        .flatMap((slot) => (slot.child === undefined || slot.alone || slot.child.inFlight >= room ? [] : [{ slot, child: slot.child }]))
        .sort((a, b) => a.child.inFlight - b.child.inFlight);
      if (place === undefined) return;
      this.tasks.shift();
      void this.carry(place.slot, place.child, task);
    }
  }

  private async carry(slot: Slot, child: ChildHandle, task: Task): Promise<void> {
    if (task.again) slot.alone = true;
    try {
      const result = await child.run(task.job, task.call);
      this.deaths = 0;
      task.resolve(result);
    } catch (error) {
      task.reject(error);
    } finally {
      if (task.again) slot.alone = false;
      this.recycleIfDue(slot, child);
      this.pump();
    }
  }

  private recycleIfDue(slot: Slot, child: ChildHandle): void {
    if (slot.child !== child || slot.coming !== undefined || this.closed) return;
    const reason = child.runs >= this.options.recycleRuns ? "runs" : child.rss > this.options.recycleRss ? "rss" : undefined;
    if (reason === undefined) return;
    this.options.onEvent({ kind: "recycled", reason });
    this.bringUp(slot).catch(() => {});
  }

  /** Opens a child for a slot; one that was there drains once the new one is ready. Settles as that child opened. */
  private async bringUp(slot: Slot): Promise<void> {
    const { spec, limits, entry, openMs, jobMs, onEvent, maxBatch, maxQueueDelayMs } = this.options;
    const started = performance.now();
    const child = new ChildHandle({
      entry,
      spec,
      limits,
      maxBatch,
      maxQueueDelayMs,
      openMs,
      jobMs,
      skip: [...this.skip],
      onEnd: (ended, reason) => this.ended(slot, ended, reason),
      onChanged: ({ from, to, reason, capabilities, imageTower }) => {
        this.fellBack ||= from !== to;
        if (this.capabilities !== undefined) this.capabilities = capabilities ?? { ...this.capabilities, device: to };
        if (capabilities !== undefined) this.imageTower = imageTower;
        onEvent({ kind: "fell_back", from, to, reason });
      },
    });
    this.living.add(child);
    slot.coming = child;
    const { capabilities, imageTower, standby, detail } = await child.opened;
    if (this.closed) return void child.drain();
    const before = slot.child;
    slot.child = child;
    delete slot.coming;
    this.capabilities = capabilities;
    this.imageTower = imageTower;
    this.standby = standby;
    this.told = detail;
    this.reason = "";
    this.downSince = undefined;
    clearTimeout(this.downTimer);
    onEvent({ kind: "started", device: capabilities.device, ms: performance.now() - started });
    if (before !== undefined) void before.drain();
    this.firstOpened?.resolve();
    this.pump();
  }

  /** A refusal is kept as the reason; before anything opened it is the answer of `start`. */
  private bringUpAgain(slot: Slot): void {
    this.bringUp(slot).catch((error: unknown) => {
      if (!(error instanceof ChildRefused)) return;
      this.reason = error.code;
      this.firstOpened?.reject(error);
    });
  }

  private ended(slot: Slot, child: ChildHandle, reason: string): void {
    this.living.delete(child);
    const wasIts = slot.child === child || slot.coming === child;
    if (slot.child === child) delete slot.child;
    if (slot.coming === child) delete slot.coming;
    if (this.closed || !wasIts) return;
    this.options.onEvent({ kind: "crashed", reason });
    this.deaths++;
    this.breakCircuit(child.device, reason);
    if (this.capabilities !== undefined && !this.slotList.some((s) => s.child !== undefined)) this.down(reason);
    if (slot.coming !== undefined || slot.child !== undefined) return;
    const [first, most] = this.options.backOffMs;
    const pause = this.deaths <= 1 ? 0 : Math.min(most, first * 2 ** (this.deaths - 2));
    // processes that die before any of them opened, on every device there is
    if (this.capabilities === undefined && this.deaths > 2 * this.options.breakAfter) this.firstOpened?.reject(new ChildEnded(reason));
    slot.timer = setTimeout(() => this.bringUpAgain(slot), pause);
  }

  /** `auto` leaves a device whose children die again and again without one answer, as long as another is there. */
  private breakCircuit(device: string | undefined, reason: string): void {
    const { spec, breakAfter, onEvent } = this.options;
    if (spec.device !== "auto" || device === undefined || this.deaths < breakAfter) return;
    const next = this.standby.find((d) => d !== device && !this.skip.has(d));
    // before anything opened, what else there is is not known: the next opening finds out
    if (next === undefined && this.capabilities !== undefined) return;
    this.skip.add(device);
    this.deaths = 0;
    this.fellBack = true;
    onEvent({ kind: "fell_back", from: device, to: next ?? "another device", reason });
  }

  private down(reason: string): void {
    this.reason = `restarting after ${reason}`;
    if (this.downSince !== undefined) return;
    this.downSince = performance.now();
    this.downTimer = setTimeout(() => this.refuseWaiting(this.downError()), this.options.downMs);
  }

  private downError(): EngineError {
    return unavailable(`expected a process that runs, got none for ${this.options.downMs} ms`);
  }

  private refuseWaiting(error: Error): void {
    for (const task of this.tasks.splice(0)) task.reject(error);
  }
}
