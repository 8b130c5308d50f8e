// Several runs of onnxruntime's cpu at once, each on one thread of its own: a lane is a worker thread with its own session. For towers whose runs
// are short: there one run on many threads spends more on waking them than it gains. Never terminated: Node would abort within a run.

import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { OnnxArtifact, RuntimeTensor, TowerRuntime, TowerSession } from "@biovlm/model/backend";
import { RunQueue } from "@biovlm/model/backend";
import { checkArtifact } from "@biovlm/model/node";
import type { InferenceSession } from "onnxruntime-node";
import { RUNTIME_LIBRARY, silenceEvents } from "./runtime-library.js";

/** Runs handed to each lane: one at work, one waiting, so that no lane waits for this thread. */
const RUNS_PER_LANE = 2;
/** Inputs from this size on travel in memory that goes to the lane and comes back: copied once, and not freshly taken from the system for each run. */
const TRAVELS_BYTES = 4096;

interface PlainTensor {
  readonly type: "float32" | "uint8";
  readonly data: Float32Array | Uint8Array;
  readonly dims: readonly number[];
}

type Asked =
  | { readonly what: "open"; readonly session: number; readonly model: Uint8Array | string; readonly options: unknown }
  | {
      readonly what: "run";
      readonly session: number;
      readonly feeds: Readonly<Record<string, PlainTensor>>;
      readonly fetches: readonly string[];
    }
  | { readonly what: "release"; readonly session: number };
type Answer = {
  readonly id: number;
  readonly error?: string;
  readonly outputs?: Readonly<Record<string, PlainTensor>>;
  /** what travelled with the question */
  readonly back: readonly ArrayBuffer[];
};

/** What a lane does; sent to it as text, so it may use nothing of this file. */
function serve(require: NodeJS.Require): void {
  const { parentPort, workerData } = require("node:worker_threads") as typeof import("node:worker_threads");
  const library = require(workerData as string) as typeof import("onnxruntime-node");
  const sessions = new Map<number, Promise<InferenceSession>>();
  const opened = (session: number) => sessions.get(session) ?? Promise.reject(new Error("no such session"));
  const answer = async (asked: Asked): Promise<Record<string, PlainTensor>> => {
    if (asked.what === "open") {
      const created = library.InferenceSession.create(asked.model as string, asked.options as InferenceSession.SessionOptions);
      sessions.set(asked.session, created);
      await created;
      return {};
    }
    const session = await opened(asked.session);
    if (asked.what === "release") {
      sessions.delete(asked.session);
      await session.release();
      return {};
    }
    const feeds = Object.fromEntries(
      Object.entries(asked.feeds).map(([name, { type, data, dims }]) => [
        name,
        new library.Tensor(type as "float32", data as Float32Array, dims),
      ]),
    );
    const outputs = await session.run(feeds, asked.fetches);
    return Object.fromEntries(
      Object.entries(outputs).map(([name, { data, dims }]) => [name, { type: "float32", data: (data as Float32Array).slice(), dims }]),
    );
  };
  parentPort?.on("message", ({ id, travels, ...asked }: Asked & { readonly id: number; readonly travels: ArrayBuffer[] }) => {
    answer(asked).then(
      (outputs) => {
        const given = Object.values(outputs).map(({ data }) => data.buffer as ArrayBuffer);
        parentPort.postMessage({ id, outputs, back: travels }, [...given, ...travels]);
      },
      (error: unknown) =>
        parentPort.postMessage({ id, error: error instanceof Error ? error.message : String(error), back: travels }, travels),
    );
  });
}

/** One worker thread, started when first asked; it keeps no process alive but while it owes an answer. */
class Lane {
  #worker: Worker | undefined;
  #last = 0;
  /** memory that came back, for the next runs */
  #spare: ArrayBuffer[] = [];
  readonly #owed = new Map<number, { resolve(outputs: Readonly<Record<string, PlainTensor>>): void; reject(error: Error): void }>();

  get owed(): number {
    return this.#owed.size;
  }

  ask(asked: Asked): Promise<Readonly<Record<string, PlainTensor>>> {
    this.#worker ??= this.#start();
    const id = ++this.#last;
    this.#worker.ref();
    const travels: ArrayBuffer[] = [];
    const sent = asked.what === "run" ? { ...asked, feeds: this.#copied(asked.feeds, travels) } : asked;
    this.#worker.postMessage({ id, travels, ...sent }, travels);
    return new Promise((resolve, reject) => this.#owed.set(id, { resolve, reject }));
  }

  /** Large inputs in memory of this lane, which is put into `travels`; the caller keeps its own. */
  #copied(feeds: Readonly<Record<string, PlainTensor>>, travels: ArrayBuffer[]): Readonly<Record<string, PlainTensor>> {
    return Object.fromEntries(
      Object.entries(feeds).map(([name, tensor]) => {
        const { data, type } = tensor;
        if (data.byteLength < TRAVELS_BYTES) return [name, tensor];
        const kept = this.#spare.pop();
        const memory = kept !== undefined && kept.byteLength >= data.byteLength ? kept : new ArrayBuffer(data.byteLength);
        travels.push(memory);
        const own = type === "uint8" ? new Uint8Array(memory, 0, data.length) : new Float32Array(memory, 0, data.length);
        own.set(data);
        return [name, { ...tensor, data: own }];
      }),
    );
  }

  #start(): Worker {
    const library = createRequire(import.meta.url).resolve(RUNTIME_LIBRARY.name);
    // the process's own --input-type would make a module of it, which has no require
    const worker = new Worker(`(${serve})(require)`, { eval: true, execArgv: [], workerData: library });
    worker.on("message", ({ id, error, outputs = {}, back }: Answer) => {
      this.#spare.push(...back);
      const owed = this.#owed.get(id);
      this.#owed.delete(id);
      if (this.#owed.size === 0) worker.unref();
      if (error === undefined) owed?.resolve(outputs);
      else owed?.reject(new Error(error));
    });
    const ended = (reason: string) => {
      this.#worker = undefined;
      this.#spare = [];
      for (const { reject } of this.#owed.values()) reject(new Error(reason));
      this.#owed.clear();
    };
    worker.on("error", (error) => ended(error.message));
    worker.on("exit", (code) => ended(`its thread ended with code ${code}`));
    return worker;
  }
}

/** A runtime of `count` lanes. `options` of each session: one thread. */
export function laneRuntime(count: number, batchCost: number, options: InferenceSession.SessionOptions): TowerRuntime {
  silenceEvents();
  const lanes = Array.from({ length: count }, () => new Lane());
  let sessions = 0;
  const everywhere = (asked: Asked) => Promise.all(lanes.map((lane) => lane.ask(asked)));
  return {
    form: "file",
    queue: new RunQueue(RUNS_PER_LANE * count),
    batchCost,
    tensor: (data, dims) => hostTensor({ type: data instanceof Uint8Array ? "uint8" : "float32", data, dims }),
    open: async (artifact: OnnxArtifact): Promise<TowerSession> => {
      await checkArtifact(artifact);
      const session = ++sessions;
      await everywhere({ what: "open", session, model: artifact.kind === "file" ? artifact.path : artifact.model, options });
      return {
        async run(feeds, fetches) {
          const lane = lanes.reduce((least, other) => (other.owed < least.owed ? other : least));
          const plain = await Promise.all(Object.entries(feeds).map(async ([name, tensor]) => [name, await plainTensor(tensor)] as const));
          const outputs = await lane.ask({ what: "run", session, feeds: Object.fromEntries(plain), fetches });
          return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, hostTensor(tensor)]));
        },
        release: async () => void (await everywhere({ what: "release", session })),
      };
    },
  };
}

function hostTensor({ data, dims }: PlainTensor): RuntimeTensor {
  return { dims, getData: async () => data, dispose() {} };
}

async function plainTensor({ dims, getData }: RuntimeTensor): Promise<PlainTensor> {
  const data = (await getData()) as Float32Array | Uint8Array;
  return { type: data instanceof Uint8Array ? "uint8" : "float32", data, dims };
}
