// A weights file on disk as a state dict whose tensors are read when asked for: the file is never in memory as a whole.
// Which format it is, its first bytes say, not its name.

import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { crc32 } from "node:zlib";
import type { ByteSource } from "@biovlm/files";
import { fileFailure, HASH_CHUNK } from "@biovlm/files/node";
import { ModelError } from "../contract/errors.js";
import { openSafetensors } from "../weights/safetensors.js";
import { type StateDict, safetensorsStateDict } from "../weights/state-dict.js";
import { looksLikeTorch, openTorch } from "../weights/torch-checkpoint.js";

/** An open file of weights, safetensors or torch; to be closed. */
export interface WeightsFile {
  readonly format: "safetensors" | "torch";
  /** as the file names them; valid until `close` */
  readonly weights: StateDict;
  readonly source: FileSource;
  close(): void;
}

/** A file open for reads of ranges; to be closed. */
export interface FileSource extends ByteSource {
  /** sha256 of a range, lower-case hex; a piece of it is in memory at a time, and others have their turn between some of them. */
  sha256(offset: number, length: number): Promise<string>;
  /** What changes with the file's content, as far as the system says: device, inode, size, times. `settled`: it was last changed so long ago that a change since would show. */
  stamp(): { readonly text: string; readonly settled: boolean };
  close(): void;
}

/** Coarser than any clock that file systems stamp changes with. */
const SETTLED_MS = 5000;
/** Hashed in one turn of the loop: a few milliseconds, so that a server that opens a model of hundreds of megabytes answers meanwhile. */
const TURN_BYTES = 4 * HASH_CHUNK;

/** Opens a file for reads of ranges. Reads throw `ModelError` (`file_changed`) when the file became shorter. */
export function openFileSource(path: string): FileSource {
  let file: number;
  let size: number;
  try {
    file = openSync(path, "r");
    size = fstatSync(file).size;
  } catch (error) {
    throw fileFailure(error, `reading ${path}`);
  }
  const fill = (bytes: Uint8Array, offset: number) => {
    try {
      for (let at = 0; at < bytes.length; ) {
        const read = readSync(file, bytes, at, bytes.length - at, offset + at);
        if (read === 0)
          throw new ModelError("file_changed", `${path} became shorter while it was read — expected ${size} bytes. Try again.`);
        at += read;
      }
    } catch (error) {
      throw fileFailure(error, `reading ${path}`);
    }
    return bytes;
  };
  let piece: Uint8Array | undefined;
  let sinceTurn = 0;
  return {
    size,
    read: (offset, length) => fill(new Uint8Array(length), offset),
    async sha256(offset, length) {
      piece ??= new Uint8Array(HASH_CHUNK);
      const hash = createHash("sha256");
      for (let at = 0; at < length; at += piece.length) {
        const some = fill(piece.subarray(0, Math.min(piece.length, length - at)), offset + at);
        hash.update(some);
        sinceTurn += some.length;
        if (sinceTurn < TURN_BYTES) continue;
        sinceTurn = 0;
        await turn();
      }
      return hash.digest("hex");
    },
    stamp() {
      const { dev, ino, size, mtimeNs, ctimeNs } = fstatSync(file, { bigint: true });
      const changed = Math.max(...[mtimeNs, ctimeNs].map((ns) => Number(ns / 1_000_000n)));
      return { text: [dev, ino, size, mtimeNs, ctimeNs].join(" "), settled: Date.now() - changed >= SETTLED_MS };
    },
    close: () => closeSync(file),
  };
}

/**
 * Opens a weights file: safetensors, or what torch.save wrote. F32 tensors carry `external` with the file's own name.
 * Throws `ModelError`: what the format's reader says, or as `fileFailure`.
 */
export function openWeightsFile(path: string): WeightsFile {
  const source = openFileSource(path);
  try {
    const location = basename(path);
    const torch = looksLikeTorch(source.read(0, Math.min(16, source.size)));
    const weights = torch ? openTorch(source, { location, crc32 }) : safetensorsStateDict(openSafetensors(source), { location });
    return { format: torch ? "torch" : "safetensors", weights, source, close: () => source.close() };
  } catch (error) {
    source.close();
    throw error;
  }
}
