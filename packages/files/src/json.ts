// JSON from outside, parsed strictly: what JSON.parse forgives in silence is refused here (a key twice, `__proto__`, depth without end).
// Objects come back without a prototype, so that no key of a file can reach one. Numbers are as JSON writes them: no NaN, no Infinity.

import { FilesError } from "./errors.js";
import { quoted } from "./quoted.js";

/** A parsed value; objects have a null prototype. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
/** A parsed object, without a prototype. */
export interface JsonObject {
  readonly [key: string]: Json;
}

export interface JsonLimits {
  /** Deepest nesting accepted. Default 32. */
  readonly maxDepth?: number;
  /** Code of the error thrown. Default `malformed_json`. */
  readonly code?: string;
  /** Accept whole numbers only, written without point or exponent. */
  readonly integers?: boolean;
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const INTEGER = /-?(?:0|[1-9]\d*)(?![\d.eE])/y;
const PLAIN = /"[^"\\\u0000-\u001f]*"/y;
const WORD = /true|false|null/y;

/**
 * Parses `text`, which `what` names in messages ("safetensors header", "config.json").
 * Throws {@link FilesError} `malformed_json` (or `limits.code`) naming the position.
 */
export function parseStrictJson(text: string, what: string, limits: JsonLimits = {}): Json {
  const maxDepth = limits.maxDepth ?? 32;
  let at = 0;

  const fail = (expected: string): never => {
    const got = at >= text.length ? "the end" : quoted(text.slice(at, at + 12));
    throw new FilesError(
      limits.code ?? "malformed_json",
      `${what} — expected ${expected} at character ${at}, got ${got}. Get the file again.`,
    );
  };
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found === null) return undefined;
    at = pattern.lastIndex;
    return found[0];
  };
  const skip = (): string | undefined => {
    match(SPACE);
    return text[at];
  };
  const string = (): string => {
    const plain = match(PLAIN);
    if (plain !== undefined) return plain.slice(1, -1);
    if (text[at] !== '"') return fail("a string");
    let end = at + 1;
    while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
    try {
      const parsed = JSON.parse(text.slice(at, end + 1)) as string;
      at = end + 1;
      return parsed;
    } catch {
      return fail("a string");
    }
  };

  const value = (depth: number): Json => {
    const first = skip();
    if (first === '"') return string();
    if (first === "{" || first === "[") {
      if (depth >= maxDepth) fail(`at most ${maxDepth} levels`);
      at++;
      return first === "{" ? object(depth + 1) : array(depth + 1);
    }
    const number = match(limits.integers ? INTEGER : NUMBER);
    if (number !== undefined) {
      const n = Number(number);
      return Number.isFinite(n) ? n : fail("a number that float64 can hold");
    }
    const word = match(WORD);
    return word === undefined ? fail("a JSON value") : word === "null" ? null : word === "true";
  };
  const array = (depth: number): Json[] => {
    const items: Json[] = [];
    if (skip() === "]") at++;
    else {
      for (;;) {
        items.push(value(depth));
        const next = skip();
        if (next !== "," && next !== "]") fail('"," or "]"');
        at++;
        if (next === "]") break;
      }
    }
    return items;
  };
  const object = (depth: number): JsonObject => {
    const entries: Record<string, Json> = Object.create(null);
    if (skip() === "}") at++;
    else {
      for (;;) {
        skip();
        const start = at;
        const key = string();
        if (key === "__proto__" || Object.hasOwn(entries, key)) {
          at = start;
          fail(key === "__proto__" ? "a key other than __proto__" : "each key once");
        }
        if (skip() !== ":") fail('":"');
        at++;
        entries[key] = value(depth);
        const next = skip();
        if (next !== "," && next !== "}") fail('"," or "}"');
        at++;
        if (next === "}") break;
      }
    }
    return entries;
  };

  const parsed = value(0);
  if (skip() !== undefined) fail("nothing more");
  return parsed;
}

/** True for a parsed object (not null, not a list). */
export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
