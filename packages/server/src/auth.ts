// Who may ask what: several API keys, each known by its sha256 only, with scopes. Checked before a body is read, in constant time.

import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { NAME_PATTERN, parseStrictJson } from "@biovlm/files";
import { Type } from "typebox";
import { Check } from "typebox/value";
import { ServerError } from "./errors.js";
import { isLoopback, type ServingOptions } from "./options.js";

/** `infer` asks for answers; `admin` also changes what is served. */
export type Scope = "infer" | "admin";

/** A key that may call the server: known by name and digest, never by itself. */
export interface ApiKey {
  /** for logs and metrics; not secret */
  readonly name: string;
  /** sha256 of the key, hex */
  readonly sha256: string;
  readonly scopes: readonly Scope[];
}

const KeysFile = Type.Array(
  Type.Object(
    {
      name: Type.String({ pattern: NAME_PATTERN.source }),
      sha256: Type.String({ pattern: "^[0-9a-f]{64}$" }),
      scopes: Type.Array(Type.Union([Type.Literal("infer"), Type.Literal("admin")]), { minItems: 1 }),
    },
    { additionalProperties: false },
  ),
  { minItems: 1, maxItems: 1000 },
);

/** Reads a keys file: `[{"name": "clinic-a", "sha256": "…", "scopes": ["infer"]}]`. Throws ServerError `bad_option`. */
export function parseKeys(text: string): ApiKey[] {
  let value: unknown;
  try {
    value = parseStrictJson(text, "keys file");
  } catch (cause) {
    throw new ServerError("bad_option", `keys file — ${(cause as Error).message.replace(/^\[[^\]]*\] /, "")}`, { cause });
  }
  if (!Check(KeysFile, value)) {
    throw new ServerError(
      "bad_option",
      'keys file — expected a list of {"name", "sha256" (64 hex digits of the key\'s sha256), "scopes": ["infer"|"admin"]}, got something else. Correct it.',
    );
  }
  const keys = value as ApiKey[];
  if (new Set(keys.map((k) => k.name)).size !== keys.length) {
    throw new ServerError("bad_option", "keys file — expected each name once, got one twice. Rename it.");
  }
  return keys;
}

/** Refuses to open a door without a lock: an address beyond loopback needs a key, or `insecure`. Throws ServerError `bad_option`. */
export function checkExposure(options: Pick<ServingOptions, "host" | "socket" | "insecure">, keys: readonly ApiKey[]): void {
  if (options.socket !== undefined || isLoopback(options.host) || keys.length > 0 || options.insecure) return;
  throw new ServerError(
    "bad_option",
    `address ${options.host} — expected API keys for an address that others can reach, got none. Give a keys file, or --insecure where a gateway checks.`,
  );
}

/** What a request brings: a bearer token, else X-API-Key. An Authorization of another scheme is for somebody else: a gateway before this server. */
export function tokenOf({ authorization, "x-api-key": apiKey }: IncomingHttpHeaders): string {
  const given = authorization !== undefined && /^bearer\b/i.test(authorization) ? authorization : `Bearer ${String(apiKey ?? "")}`;
  return /^bearer +([\x21-\x7e]{1,512})$/i.exec(given)?.[1] ?? "";
}

/** The key of a token, looked for among all keys whatever is found, so that time says nothing. */
export function keyOf(headers: IncomingHttpHeaders, keys: readonly ApiKey[]): ApiKey | undefined {
  const token = tokenOf(headers);
  const digest = createHash("sha256").update(token).digest();
  let found: ApiKey | undefined;
  for (const key of keys) if (timingSafeEqual(digest, Buffer.from(key.sha256, "hex"))) found = key;
  return token === "" ? undefined : found;
}

/** Whether `authorize` would let it pass. */
export function isAuthorized(headers: IncomingHttpHeaders, scope: Scope, keys: readonly ApiKey[]): boolean {
  if (keys.length === 0) return true;
  const scopes = keyOf(headers, keys)?.scopes ?? [];
  return scopes.includes(scope) || scopes.includes("admin");
}

/** Throws `unauthorized` or `forbidden`; gives the key. Without any keys everything is allowed (loopback). */
export function authorize(headers: IncomingHttpHeaders, scope: Scope, keys: readonly ApiKey[]): ApiKey | undefined {
  if (keys.length === 0) return undefined;
  const key = keyOf(headers, keys);
  if (key === undefined)
    throw new ServerError(
      "unauthorized",
      "API key — expected Authorization: Bearer (or X-API-Key) with a known key, got none. Ask the operator for one.",
    );
  if (!isAuthorized(headers, scope, keys)) {
    throw new ServerError("forbidden", `API key ${key.name} — expected the scope ${scope}, got ${key.scopes.join(", ")}. Use another key.`);
  }
  return key;
}
