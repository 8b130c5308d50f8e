// One child process as its parent sees it: opening, jobs in flight with time limits, and one end, whatever caused it. Policy is encoder-pool.ts's.

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { EncoderError, type EncoderErrorCode } from "@biovlm/model";
import type { ImageLimits, StackCall } from "../contract/encoding.js";
import { type Batching, decoderThreads } from "../images/image-encoder.js";
import type { OpeningSpec } from "../open/opening-spec.js";
import { usableCpus } from "../process/usable-cpus.js";
import { FrameReader, writeFrame } from "./frames.js";
import type { FromChild, Job, JobAnswer, ToChild } from "./messages.js";

export interface ChildOptions extends Batching {
  /** the file to run */
  readonly entry: URL | string;
  readonly spec: OpeningSpec;
  readonly limits: ImageLimits;
  readonly skip: readonly string[];
  readonly openMs: number;
  readonly jobMs: number;
  readonly onEnd: (child: ChildHandle, reason: string) => void;
  readonly onChanged: (change: Extract<FromChild, { type: "changed" }>) => void;
}

/** A job's child ended before it answered. */
export class ChildEnded extends Error {}

/** The child could not open the model or device; it said why. */
export class ChildRefused extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Decoder threads of a child, unless the environment says: one for each processor, where Node would have four. */
export function childDecoderThreads(): number {
  return decoderThreads(Math.min(16, Math.max(2, usableCpus())));
}

interface Flight {
  readonly weight: number;
  readonly resolve: (answer: { readonly answer: JobAnswer; readonly device: string }) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: NodeJS.Timeout;
  readonly onFrames: StackCall["onFrames"];
}

type Opened = Extract<FromChild, { type: "opened" }>;

export class ChildHandle {
  /** settles once: what was opened, or ChildRefused, or ChildEnded */
  readonly opened: Promise<Opened>;
  /** the device that was last named: blamed for a crash */
  device: string | undefined;
  runs = 0;
  /** bytes, as the child last said */
  rss = 0;
  private readonly process: ChildProcess;
  private readonly pipe: Socket;
  private readonly options: ChildOptions;
  private readonly flights = new Map<number, Flight>();
  private weight = 0;
  private next = 0;
  private ended = false;
  /** why we killed it, where we did */
  private verdict: string | undefined;
  private readonly onIdle: (() => void)[] = [];

  constructor(options: ChildOptions) {
    this.options = options;
    const entry = options.entry instanceof URL ? fileURLToPath(options.entry) : options.entry;
    // descriptor 3 is the child's end of the pipe; a heap per thread would keep what each decoder thread once needed
    this.process = spawn(process.execPath, [entry], {
      stdio: ["ignore", "ignore", "ignore", "pipe"],
      env: { MALLOC_ARENA_MAX: "4", ...process.env, UV_THREADPOOL_SIZE: String(childDecoderThreads()) },
      windowsHide: true,
    });
    this.pipe = this.process.stdio[3] as Socket;
    // a pipe that breaks means the child is going: its exit settles everything
    this.pipe.on("error", () => {});
    this.opened = new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.kill(`not open after ${options.openMs} ms`), options.openMs);
      const hear = (message: FromChild) => {
        if (message.type === "opened" || message.type === "refused") clearTimeout(timer);
        if (message.type === "opened") {
          this.device = message.capabilities.device;
          resolve(message);
        } else if (message.type === "refused") {
          reject(new ChildRefused(message.code, message.message));
          this.kill("refused");
        } else this.hear(message);
      };
      const frames = new FrameReader((message) => hear(message as FromChild));
      this.pipe.on("data", (piece: Buffer) => {
        try {
          frames.push(piece);
        } catch {
          this.kill("an answer that cannot be read");
        }
      });
      const end = (reason: string) => {
        clearTimeout(timer);
        this.end(reason);
        reject(new ChildEnded(reason));
      };
      this.process.once("exit", (code, signal) => end(this.verdict ?? (signal === null ? `exit code ${code}` : `signal ${signal}`)));
      this.process.once("error", (error) => end(error.message));
    });
    this.opened.catch(() => {});
    const { spec, limits, skip, maxBatch, maxQueueDelayMs } = options;
    this.say({ type: "open", spec, limits, skip, maxBatch, maxQueueDelayMs });
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  /** Resident bytes: what the system says now, where it does (Linux), else what the child said with its last answer. */
  memory(): number {
    try {
      const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, "utf8")) ?? [];
      if (kilobytes !== undefined) return Number(kilobytes) * 1024;
    } catch {
      // no such file on this system, or the process has just ended
    }
    return this.rss;
  }

  /** images and other rows' jobs at work */
  get inFlight(): number {
    return this.weight;
  }

  /** Rejects with EncoderError as the child's encoder did, or ChildEnded. */
  run(job: Job, { signal, onFrames }: StackCall = {}): Promise<{ readonly answer: JobAnswer; readonly device: string }> {
    if (this.ended) return Promise.reject(new ChildEnded("gone"));
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const id = this.next++;
    // it answers then, as soon as it has read the frame it is at
    const stop = () => this.say({ type: "stop", id });
    signal?.addEventListener("abort", stop, { once: true });
    const answer = this.begun(id, job, onFrames);
    return signal === undefined ? answer : answer.finally(() => signal.removeEventListener("abort", stop));
  }

  private begun(id: number, job: Job, onFrames: StackCall["onFrames"]): Promise<{ readonly answer: JobAnswer; readonly device: string }> {
    return new Promise((resolve, reject) => {
      const limit = this.options.jobMs * textShares(job);
      const timer = setTimeout(() => this.kill(`no answer after ${limit} ms`), limit);
      const weight = jobWeight(job);
      this.flights.set(id, { resolve, reject, timer, weight, onFrames });
      this.weight += weight;
      this.say({ type: "job", id, job });
    });
  }

  /** Lets jobs in flight end, then ends the child; resolves when its process is gone. */
  async drain(): Promise<void> {
    if (!this.ended && this.flights.size > 0) await new Promise<void>((done) => this.onIdle.push(done));
    if (this.ended) return;
    this.verdict = "closed";
    this.say({ type: "close" });
    // native runtimes may hang at exit
    const timer = setTimeout(() => this.process.kill("SIGKILL"), 2000);
    await new Promise<void>((gone) => this.process.once("exit", () => gone()));
    clearTimeout(timer);
  }

  kill(reason: string): void {
    this.verdict ??= reason;
    this.process.kill("SIGKILL");
  }

  private say(message: ToChild): void {
    if (this.pipe.writable) writeFrame(this.pipe, message);
  }

  private hear(message: FromChild): void {
    if (message.type === "device") this.device = message.device;
    else if (message.type === "changed") {
      this.device = message.to;
      this.options.onChanged(message);
    } else if (message.type === "working") {
      const flight = this.flights.get(message.id);
      flight?.timer.refresh();
      if (message.frames !== undefined) flight?.onFrames?.(message.frames);
    } else if (message.type === "done" || message.type === "failed") {
      const flight = this.flights.get(message.id);
      if (flight === undefined) return;
      clearTimeout(flight.timer);
      this.flights.delete(message.id);
      this.weight -= flight.weight;
      this.rss = message.rss;
      this.runs++;
      if (message.type === "done") flight.resolve({ answer: message.answer, device: message.device });
      else flight.reject(revived(message.code, message.message, this.device));
      if (this.flights.size === 0) for (const done of this.onIdle.splice(0)) done();
    }
  }

  private end(reason: string): void {
    if (this.ended) return;
    this.ended = true;
    for (const { reject, timer } of this.flights.values()) {
      clearTimeout(timer);
      reject(new ChildEnded(reason));
    }
    this.flights.clear();
    this.weight = 0;
    for (const done of this.onIdle.splice(0)) done();
    this.options.onEnd(this, reason);
  }
}

/** Texts that may take as long as one image file's job: a bank's sentences come all at once. */
const TEXTS_A_JOB = 64;

function textShares(job: Job): number {
  const rows = job.kind === "texts" ? job.shape[0] : job.kind === "prompts" ? job.rows.shape[0] : 1;
  return Math.max(1, Math.ceil(rows / TEXTS_A_JOB));
}

/** What a job takes of a child's window. */
function jobWeight(job: Job): number {
  return job.kind === "files" ? job.files.length : 1;
}

const ENCODER_CODES: readonly string[] = ["bad_input", "bad_output", "closed", "open_failed", "run_failed", "not_supported"];

function revived(code: string, message: string, device = "encoder"): Error {
  if (!ENCODER_CODES.includes(code)) return Object.assign(new Error(message), { code });
  return new EncoderError(device, code as EncoderErrorCode, message);
}
