// Calls to an S3-compatible store: signed, tried again where the store is busy or a connection breaks, and never read beyond a limit. Paths are
// in path style, which every such store knows. No message names a key of an image.

import { createHash } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { FilesError } from "@biovlm/files";
import { AwsClient } from "aws4fetch";
import { XMLParser } from "fast-xml-parser";
import { JobsError } from "../errors.js";

/** A bucket and a prefix in it, and how to get there. */
export interface S3Place {
  readonly bucket: string;
  /** without a slash at its end; "" for the whole bucket */
  readonly prefix: string;
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string };
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * "s3://bucket/prefix" and the usual variables → a place: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION,
 * AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL.
 * @throws JobsError `bad_argument` for another text, or without credentials
 */
export function s3Place(url: string, env: Environment): S3Place {
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*?))?\/?$/i.exec(url);
  if (match === null) throw new JobsError("bad_argument", `S3 — expected s3://bucket/prefix, got ${JSON.stringify(url)}. Correct it.`);
  if ((match[2] ?? "").split("/").some((segment) => segment === "." || segment === "..") || /\/\//.test(match[2] ?? ""))
    throw new JobsError(
      "bad_argument",
      `S3 — expected a prefix without //, . and .. between its slashes, got ${JSON.stringify(url)}. Correct it.`,
    );
  const [accessKeyId, secretAccessKey] = [env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]];
  if (!accessKeyId || !secretAccessKey) throw noKeys(env);
  const region = env["AWS_REGION"] || env["AWS_DEFAULT_REGION"] || "us-east-1";
  const endpoint = env["AWS_ENDPOINT_URL_S3"] || env["AWS_ENDPOINT_URL"] || `https://s3.${region}.amazonaws.com`;
  const sessionToken = env["AWS_SESSION_TOKEN"];
  return {
    ...{ bucket: match[1] ?? "", prefix: match[2] ?? "", region, endpoint: endpoint.replace(/\/+$/, "") },
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) },
  };
}

/** Where other programs take keys from. Those are in no variable, and are asked for by Amazon's own program. */
const OTHER_KEYS = [
  "AWS_PROFILE",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_CONTAINER_CREDENTIALS_FULL_URI",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
];

function noKeys(env: Environment): JobsError {
  const other = OTHER_KEYS.find((name) => env[name]);
  return new JobsError(
    "bad_argument",
    `S3 — expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, got ${other === undefined ? "none" : `${other} alone, which is not read`}. Set both; of a profile, a role or a machine: eval "$(aws configure export-credentials --format env)".`,
  );
}

/** How patient calls are. */
export interface S3Patience {
  /** times a call is tried; default 8 */
  readonly tries?: number;
  /** wait before the second try, milliseconds; doubled before each other one, up to 10 s. Default 200 */
  readonly waitMs?: number;
  /** longest time of one try, milliseconds; default 120 000 */
  readonly timeoutMs?: number;
  /** most names of one page of a listing; default 1000 */
  readonly pageKeys?: number;
}

/** One call. `key` is below the place's prefix. */
export interface S3Call {
  readonly method: "GET" | "HEAD" | "PUT" | "DELETE";
  /** undefined for a call on the bucket */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** most bytes of the answer; default 64 MiB */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

/** An answer that is no fault of the way there: 2xx and 4xx. */
export interface S3Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
  /** S3's own word for a refusal: NoSuchKey, PreconditionFailed, … */
  readonly code: string | undefined;
  /** true where an earlier try may have been carried out though its answer was lost */
  readonly again: boolean;
}

const MAX_BYTES = 64 * 2 ** 20;
/** Of an answer that says why not. */
const MAX_REFUSAL_BYTES = 65_536;
/** What to do about a refusal, by S3's word for it, whatever its status. */
const REMEDIES: Readonly<Record<string, string>> = {
  ExpiredToken: "Credentials of a role end after some hours: get new ones, and work again: what is done is kept",
  TokenRefreshRequired: "Credentials of a role end after some hours: get new ones, and work again: what is done is kept",
  InvalidToken: "Correct AWS_SESSION_TOKEN, or unset it for keys that have none",
  RequestTimeTooSkewed: "Set the clock of this machine",
  InvalidAccessKeyId: "Check AWS_ACCESS_KEY_ID, and AWS_ENDPOINT_URL",
  SignatureDoesNotMatch: "Check AWS_SECRET_ACCESS_KEY, and AWS_ENDPOINT_URL",
};

/** An answer that would be the same of every call: who asks is not let in, or the bucket is elsewhere. */
function refusal({ status, code, headers }: S3Answer, { region }: S3Place): Error | undefined {
  const remedy = code !== undefined && Object.hasOwn(REMEDIES, code) ? REMEDIES[code] : undefined;
  if (status === 401 || status === 403 || (status >= 400 && remedy !== undefined))
    return new FilesError(
      "refused",
      `S3 — expected to be let in, got ${status} ${code ?? ""}. ${remedy ?? "Check the credentials and their rights"}.`,
    );
  if ((status < 300 || status > 399) && code !== "AuthorizationHeaderMalformed") return undefined;
  const there = /^[a-z0-9-]{1,32}$/.exec(headers.get("x-amz-bucket-region") ?? "")?.[0];
  return new FilesError(
    "refused",
    `S3 — expected the bucket in ${region}, got ${status} ${code ?? ""}: it is ${there === undefined ? "elsewhere" : `in ${there}`}. Set AWS_REGION to ${there ?? "its region"}, and AWS_ENDPOINT_URL where that names one.`,
  );
}

const LONGEST_WAIT_MS = 10_000;
const BUSY: ReadonlySet<number> = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

export const s3Xml = (bytes: Uint8Array): Record<string, unknown> =>
  new XMLParser({
    parseTagValue: false,
    htmlEntities: true,
    ignoreDeclaration: true,
    isArray: (name) => name === "Contents" || name === "CommonPrefixes",
  }).parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8")) as Record<string, unknown>;

/** Calls on one place. */
export class S3Client {
  readonly place: S3Place;
  readonly patience: Required<S3Patience>;
  private readonly aws: AwsClient;

  constructor(place: S3Place, { tries = 8, waitMs = 200, timeoutMs = 120_000, pageKeys = 1000 }: S3Patience = {}) {
    this.place = place;
    this.patience = { tries, waitMs, timeoutMs, pageKeys };
    this.aws = new AwsClient({ ...place.credentials, region: place.region, service: "s3", retries: 0 });
  }

  /** "prefix/key" */
  keyOf(key: string): string {
    return this.place.prefix === "" || key === "" ? this.place.prefix + key : `${this.place.prefix}/${key}`;
  }

  /**
   * The answer, whole. Tries again while the store is busy, and where a connection breaks.
   * @throws FilesError `network` where no try came through, `refused` for 401, 403 and a bucket elsewhere, `too_large`; the signal's reason
   */
  async call(call: S3Call): Promise<S3Answer> {
    const { tries, waitMs } = this.patience;
    let why = "";
    for (let attempt = 0; attempt < tries; attempt++) {
      call.signal?.throwIfAborted();
      if (attempt > 0) await wait(Math.min(LONGEST_WAIT_MS, waitMs * 2 ** (attempt - 1)), undefined, { signal: call.signal });
      try {
        const answer = await this.once(call, attempt > 0);
        const refused = refusal(answer, this.place);
        if (refused !== undefined) throw refused;
        if (!BUSY.has(answer.status)) return answer;
        why = `${answer.status} ${answer.code ?? ""}`.trim();
      } catch (error) {
        if (error instanceof FilesError) throw error;
        call.signal?.throwIfAborted();
        why = error instanceof Error ? String(Reflect.get(Object(error.cause), "code") ?? error.name) : "a broken connection";
      }
    }
    throw new FilesError("network", `S3 — expected an answer within ${tries} tries, got ${why}. Check the store, or try again later.`);
  }

  private async once(
    { method, key, query = {}, headers = {}, body, maxBytes = MAX_BYTES, signal }: S3Call,
    again: boolean,
  ): Promise<S3Answer> {
    const path = key === undefined ? "" : `/${this.keyOf(key).split("/").map(encodeURIComponent).join("/")}`;
    const parameters = new URLSearchParams(query).toString();
    const url = `${this.place.endpoint}/${this.place.bucket}${path}${parameters === "" ? "" : `?${parameters}`}`;
    const timeout = AbortSignal.timeout(this.patience.timeoutMs);
    const stop = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
    // what arrives at the store is what was sent: the digest is signed with the call
    const digest = createHash("sha256")
      .update(body ?? "")
      .digest("hex");
    const sent = body === undefined ? {} : { body: new Uint8Array(body) };
    const signed = await this.aws.sign(url, { method, headers: { ...headers, "x-amz-content-sha256": digest }, ...sent });
    const response = await fetch(signed, { signal: stop, redirect: "manual" });
    const said = response.headers.get("content-length");
    const length = said === null || method === "HEAD" ? undefined : Number(said);
    const most = response.ok ? maxBytes : MAX_REFUSAL_BYTES;
    if (length !== undefined && length > most) {
      await response.body?.cancel();
      throw new FilesError("too_large", `S3 — expected at most ${most} bytes, got ${length}. Use a smaller file.`);
    }
    const bytes = await wholeBody(response, most);
    if (length !== undefined && bytes.length !== length) throw new TypeError("a cut answer");
    const code = response.ok || bytes.length === 0 ? undefined : errorCode(bytes);
    return { status: response.status, headers: response.headers, bytes, code, again };
  }
}

async function wholeBody(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) throw new FilesError("too_large", `S3 — expected at most ${maxBytes} bytes, got more. Use a smaller file.`);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

function errorCode(bytes: Uint8Array): string | undefined {
  try {
    const code: unknown = Reflect.get(Object(s3Xml(bytes)["Error"]), "Code");
    return typeof code === "string" && /^[A-Za-z0-9]{1,64}$/.test(code) ? code : undefined;
  } catch {
    return undefined;
  }
}
