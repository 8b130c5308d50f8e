// The state of a run after an epoch, as bytes: context vectors and optimiser moments with a digest over all of it.
// Random state needs no place: every stream is drawn anew from (seed, epoch). Where the bytes lie is the caller's store.

import type { ByteStore } from "@biovlm/files";
import { parseStrictJson } from "@biovlm/files";
import { TrainingError } from "./errors.js";

/** Mutable state of a run. moment1 is SGD's velocity or AdamW's first moment. */
export interface Checkpoint {
  epoch: number;
  step: number;
  readonly ctx: Float32Array;
  readonly moment1: Float32Array;
  readonly moment2: Float32Array;
}

/** Where the state of a run is kept; `save` is atomic. */
export interface CheckpointStore {
  load(): Promise<Checkpoint | undefined>;
  save(state: Checkpoint): Promise<void>;
}

/** A key → bytes store whose `put` is atomic: old or new, never torn. */
export type KeyedBytes = Pick<ByteStore, "get" | "put">;

const MAGIC = "biovlm-checkpoint/1\n";

/** The state before the first step. */
export function freshCheckpoint(ctx: Float32Array): Checkpoint {
  return { epoch: 0, step: 0, ctx, moment1: new Float32Array(ctx.length), moment2: new Float32Array(ctx.length) };
}

/**
 * Keeps the state under one key. `run` names everything that decides the outcome (recipe, seed, images, model, device …):
 * a state of another run is refused (`checkpoint_mismatch`), a damaged one too (`checkpoint_corrupt`), never used.
 */
export function checkpointStore(store: KeyedBytes, key: string, run: string): CheckpointStore {
  return {
    async load() {
      const bytes = await store.get(key);
      return bytes === undefined ? undefined : decodeCheckpoint(bytes, run);
    },
    save: async (state) => store.put(key, await encodeCheckpoint(state, run)),
  };
}

/** A run's state as bytes: a header line, context vectors and both moments, sha256 of it all. */
export async function encodeCheckpoint(state: Checkpoint, run: string): Promise<Uint8Array> {
  const header = new TextEncoder().encode(
    `${MAGIC}${JSON.stringify({ run, epoch: state.epoch, step: state.step, length: state.ctx.length })}\n`,
  );
  const pad = (4 - (header.length % 4)) % 4;
  const body = new Uint8Array(header.length + pad + state.ctx.byteLength * 3);
  body.set(header);
  let at = header.length + pad;
  for (const part of [state.ctx, state.moment1, state.moment2]) {
    body.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at);
    at += part.byteLength;
  }
  const out = new Uint8Array(body.length + 32);
  out.set(body);
  out.set(await sha256(body), body.length);
  return out;
}

/** Reads a run's state. @throws TrainingError `checkpoint_corrupt`, `checkpoint_mismatch` */
export async function decodeCheckpoint(bytes: Uint8Array, run: string): Promise<Checkpoint> {
  const corrupt = (why: string) =>
    new TrainingError(
      "checkpoint_corrupt",
      `checkpoint — expected ${why}. Delete it to start the run afresh; nothing was trained from it.`,
    );
  if (bytes.length < MAGIC.length + 32 || new TextDecoder().decode(bytes.subarray(0, MAGIC.length)) !== MAGIC)
    throw corrupt(`the header "${MAGIC.trim()}", got another`);
  const body = bytes.slice(0, bytes.length - 32);
  const digest = await sha256(body);
  if (!digest.every((v, i) => v === bytes[body.length + i])) throw corrupt("its own sha256, got another");
  const lineEnd = body.indexOf(10, MAGIC.length);
  const header = parseStrictJson(new TextDecoder().decode(body.subarray(MAGIC.length, lineEnd)), "checkpoint header") as unknown as {
    run: string;
    epoch: number;
    step: number;
    length: number;
  };
  if (header.run !== run) {
    throw new TrainingError(
      "checkpoint_mismatch",
      `checkpoint — expected a state of this very run (${run}), got one of ${header.run}. Options or data changed: choose a new run folder.`,
    );
  }
  const from = Math.ceil((lineEnd + 1) / 4) * 4;
  const part = (i: number) => new Float32Array(body.buffer, from + i * header.length * 4, header.length).slice();
  return { epoch: header.epoch, step: header.step, ctx: part(0), moment1: part(1), moment2: part(2) };
}

/** sha256, hex, of the canonical JSON of what decides a run's outcome. */
export async function runDigest(parts: Readonly<Record<string, unknown>>): Promise<string> {
  const canonical = JSON.stringify(parts, (_, v: unknown) =>
    v !== null && typeof v === "object" && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );
  return Array.from(await sha256(new TextEncoder().encode(canonical)), (b) => b.toString(16).padStart(2, "0")).join("");
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
}
