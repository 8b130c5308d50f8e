// Work without images, for tests and for the programs that they kill.

import { createHash } from "node:crypto";
import type { Piece, PlanRow, ShardResult, WorkOptions } from "../src/index.js";

/** Rows whose number ends in 5 fail; the others give the digest of their path. */
export async function embedMadeUp(rows: readonly PlanRow[]): Promise<Uint8Array> {
  const good = rows.filter(({ uri }) => !uri.endsWith("5.png"));
  return Buffer.concat(good.map(({ uri }) => createHash("sha256").update(uri).digest()));
}

export async function joinMadeUp(chunks: readonly Uint8Array[], rows: readonly PlanRow[]): Promise<ShardResult> {
  const failed = rows.flatMap(({ uri }, row) => (uri.endsWith("5.png") ? [{ row, code: "not_an_image" }] : []));
  return { parts: [{ bytes: Buffer.concat(chunks), ending: "bin" }], rows: rows.length - failed.length, failed };
}

type Place = Parameters<WorkOptions["embed"]>[1];

/** One piece a chunk. */
export const inOne = (embed: (rows: readonly PlanRow[], place: Place) => Promise<Uint8Array>): WorkOptions["embed"] =>
  async function* (rows, place): AsyncGenerator<Piece> {
    yield { rows: rows.length, bytes: await embed(rows, place) };
  };

/** Work without images, in chunks of 4 rows. */
export const MADE_UP = { chunkRows: 4, embed: inOne(embedMadeUp), join: joinMadeUp };
