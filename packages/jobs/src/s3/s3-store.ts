// A job store in a bucket. A conditional create is a PUT with If-None-Match: *, of which a store lets one win. A store that does not know it is
// found out before work begins: then the last writer wins, on names that say their content.

import { randomBytes } from "node:crypto";
import { byCodeUnit, checkKey } from "@biovlm/files";
import { JobsError } from "../errors.js";
import type { JobStore } from "../job-store.js";
import type { S3Answer, S3Client } from "./s3-client.js";
import { listed, notListed } from "./s3-listing.js";

/** A store, and whether it lets one of two creates win. */
export interface S3Store {
  readonly store: JobStore;
  /** false: of two workers on one shard the last one's commit stands; both are whole */
  readonly conditional: boolean;
}

/**
 * Opens a store below the client's place, and tries whether it knows conditional creates.
 * Operations reject with FilesError `network`, `refused`, `bad_key`; JobsError `not_found` for a bucket that is not there.
 */
export async function openS3Store(client: S3Client): Promise<S3Store> {
  const key = `probe/${randomBytes(12).toString("hex")}`;
  const first = await createOnce(client, key, new TextEncoder().encode("1"));
  const second = first === undefined ? undefined : await createOnce(client, key, new TextEncoder().encode("2"));
  if (first !== undefined) await client.call({ method: "DELETE", key });
  const conditional = first === true && second === false;
  return { store: s3Store(client, conditional), conditional };
}

/** The store for who only reads: with credentials that may write nothing, too. Operations reject as those of `openS3Store`. */
export const readS3Store = (client: S3Client): JobStore => s3Store(client, false);

function s3Store(client: S3Client, conditional: boolean): JobStore {
  const get = async (key: string) => {
    const answer = await client.call({ method: "GET", key: checkKey(key), maxBytes: 2 ** 31 });
    if (answer.status === 404 && answer.code !== "NoSuchBucket") return undefined;
    return checked(answer, 200).bytes;
  };
  const put = async (key: string, body: Uint8Array) => {
    checked(await client.call({ method: "PUT", key: checkKey(key), body }), 200);
  };
  return {
    get,
    put,
    async create(key, bytes) {
      checkKey(key);
      const made = conditional ? await createOnce(client, key, bytes) : undefined;
      if (made !== undefined) return made;
      if ((await get(key)) !== undefined) return false;
      await put(key, bytes);
      return true;
    },
    async list(below) {
      const names: string[] = [];
      for await (const page of listed(client, `${checkKey(below)}/`, true)) names.push(...page.map(({ key }) => key));
      return names.filter((name) => name !== "").sort(byCodeUnit);
    },
    async remove(key) {
      const answer = await client.call({ method: "DELETE", key: checkKey(key) });
      if (answer.status !== 404) checked(answer, 204);
    },
  };
}

/** True where this call made the entry, false where there was one, undefined where the store says that it does not know how. */
async function createOnce(client: S3Client, key: string, body: Uint8Array): Promise<boolean | undefined> {
  const answer = await client.call({ method: "PUT", key, body, headers: { "if-none-match": "*" } });
  if (answer.status === 501 || answer.code === "NotImplemented") return undefined;
  if (answer.status !== 412) {
    checked(answer, 200);
    return true;
  }
  if (!answer.again) return false;
  // an earlier try may have made it, and its answer was lost
  const there = await client.call({ method: "GET", key, maxBytes: body.length + 65_536 });
  return there.status === 200 && Buffer.from(there.bytes).equals(body);
}

function checked(answer: S3Answer, wanted: number): S3Answer {
  if (answer.status === wanted || answer.status === 200) return answer;
  if (answer.code === "NoSuchBucket") throw notListed(answer.status, answer.code);
  throw new JobsError("store_failed", `S3 — expected ${wanted}, got ${answer.status} ${answer.code ?? ""}. Check the store.`);
}
