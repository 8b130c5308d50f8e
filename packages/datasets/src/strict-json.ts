// JSON from outside: bounded in size and depth, with no duplicate keys and no `__proto__`. JSON.parse does the values;
// a scan before it finds what JSON.parse lets pass.

import { DatasetError } from "./errors.js";

export interface JsonLimits {
  /** Characters. Default 16 Mi. */
  readonly maxLength?: number;
  /** Nested arrays and objects. Default 32. */
  readonly maxDepth?: number;
}

/** @throws DatasetError `bad_file` or `too_large` */
export function parseStrictJson(text: string, { maxLength = 16 * 1024 * 1024, maxDepth = 32 }: JsonLimits = {}): unknown {
  if (text.length > maxLength)
    throw new DatasetError("too_large", `JSON too long — expected at most ${maxLength} characters, got ${text.length}. Split the file.`);
  const bare = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  checkStructure(bare, maxDepth);
  try {
    return JSON.parse(bare);
  } catch (cause) {
    throw new DatasetError("bad_file", "malformed JSON — expected one valid JSON value. Check the file with a JSON editor.", { cause });
  }
}

/** Strings, and the characters that open, close and separate. Everything else is left to JSON.parse. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/gs;

function checkStructure(text: string, maxDepth: number): void {
  const keys: (Set<string> | undefined)[] = [];
  let lastString: string | undefined;
  for (const [token] of text.matchAll(TOKEN)) {
    const first = token[0];
    if (first === '"') lastString = token;
    else if (first === "{" || first === "[") {
      keys.push(first === "{" ? new Set() : undefined);
      if (keys.length > maxDepth)
        throw new DatasetError("bad_file", `JSON nested too deeply — expected at most ${maxDepth} levels. Flatten the file.`);
    } else if (first === "}" || first === "]") keys.pop();
    else if (first === ":" && lastString !== undefined) addKey(keys[keys.length - 1], lastString);
  }
}

function addKey(keys: Set<string> | undefined, token: string): void {
  if (keys === undefined) return;
  let key: string;
  try {
    key = JSON.parse(token) as string;
  } catch {
    return; // JSON.parse of the whole will refuse it.
  }
  if (key === "__proto__") throw new DatasetError("bad_file", "JSON with a key named __proto__ — expected plain data. Remove the key.");
  if (keys.has(key)) throw new DatasetError("bad_file", `JSON with a key twice — "${key.slice(0, 40)}". Keep one of them.`);
  keys.add(key);
}
