// A weights file on disk as a state dict whose tensors are read when asked for: the file is never in memory as a whole.
// Which format it is, its first bytes say, not its name.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import { crc32 } from "node:zlib";
import type { ByteSource } from "@biovlm/files";
import { fileFailure } from "@biovlm/files/node";
import { ModelError } from "../contract/errors.js";
import { openSafetensors } from "../weights/safetensors.js";
import { type StateDict, safetensorsStateDict } from "../weights/state-dict.js";
import { looksLikeTorch, openTorch } from "../weights/torch-checkpoint.js";

/** An open file of weights, safetensors or torch; to be closed. */
export interface WeightsFile {
  readonly format: "safetensors" | "torch";
  /** as the file names them; valid until `close` */
  readonly weights: StateDict;
  close(): void;
}

/** A file open for reads of ranges; to be closed. */
export interface FileSource extends ByteSource {
  close(): void;
}

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
  return {
    size,
    read(offset, length) {
      const bytes = new Uint8Array(length);
      try {
        for (let at = 0; at < length; ) {
          const read = readSync(file, bytes, at, length - at, offset + at);
          if (read === 0)
            throw new ModelError("file_changed", `${path} became shorter while it was read — expected ${size} bytes. Try again.`);
          at += read;
        }
      } catch (error) {
        throw fileFailure(error, `reading ${path}`);
      }
      return bytes;
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
    return { format: torch ? "torch" : "safetensors", weights, close: () => source.close() };
  } catch (error) {
    source.close();
    throw error;
  }
}
