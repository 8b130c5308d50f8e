// The digest of a model in a file, from one start to the next: reading and hashing 784 MB takes most of a start. It is kept under what the system
// says of the file (device, inode, size, times, as store/model-verify.ts stamps it) and what was read of it. A disk that changes bytes without
// touching the times is not found; models of the store are verified by `biovlm models verify`.

import { createHash } from "node:crypto";
import type { ReadModel } from "../backbones/load-model.js";
import { modelDigest } from "../backbones/model-digest.js";
import type { KeptTowers } from "../towers/tower-artifacts.js";
import type { WeightsFile } from "./weights-file.js";

/** Files of up to this size are hashed at every start. */
const ALWAYS_HASHED = 64e6;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** A place for digests, and the size of file from which on they are looked for there. */
export interface KeptDigests {
  readonly kept?: KeptTowers | undefined;
  readonly above?: number;
}

/**
 * The digest of what was read of an open file: that which was kept, where the file is as it was; else computed, a piece in memory at a time, and kept.
 * @throws ModelError as `modelDigest` and the file's reads do
 */
export async function fileDigest(
  { source, format }: Pick<WeightsFile, "source" | "format">,
  { backbone, spec, weights }: ReadModel,
  { kept, above = ALWAYS_HASHED }: KeptDigests = {},
): Promise<string> {
  const before = source.stamp();
  const store = source.size > above && before.settled ? kept : undefined;
  const parts = ["model-digest/1", before.text, backbone.name, spec, weights.keys()];
  const key = `digests/${createHash("sha256").update(JSON.stringify(parts)).digest("hex")}`;
  const found = Buffer.from((await store?.get(key)) ?? []).toString("latin1");
  if (DIGEST.test(found)) return found;
  // a torch checkpoint is checked as it is read: by tensors
  const digest = await modelDigest(spec, weights, format === "torch" ? undefined : (tensor) => hashed(tensor, source));
  if (source.stamp().text === before.text) await store?.put(key, Buffer.from(digest, "latin1"));
  return digest;
}

/** Where it lies in the file; else, where it was made of several or converted, in memory. */
function hashed({ external, bytes }: ReturnType<ReadModel["weights"]["get"]>, source: WeightsFile["source"]): Promise<string> | string {
  if (external?.length !== undefined) return source.sha256(external.offset, external.length);
  return createHash("sha256").update(bytes()).digest("hex");
}
