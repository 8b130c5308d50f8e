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

/** How strictly JSON is read. */
export interface JsonLimits {
  /** Deepest nesting accepted. Default 32. */
  readonly maxDepth?: number;
  /** Code of the error thrown. Default `malformed_json`. */
  readonly code?: string;
  /** Most values accepted, lists and objects and what is in them. No limit when absent. */
  readonly maxValues?: number;
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
  return new JsonReader(text, what, limits).whole();
}

/** One reading: the text and how far it has been read. */
class JsonReader {
  readonly #text: string;
  readonly #what: string;
  readonly #limits: JsonLimits;
  readonly #maxDepth: number;
  readonly #maxValues: number;
  #at = 0;
  #values = 0;

  constructor(text: string, what: string, limits: JsonLimits) {
    this.#text = text;
    this.#what = what;
    this.#limits = limits;
    this.#maxDepth = limits.maxDepth ?? 32;
    this.#maxValues = limits.maxValues ?? Number.POSITIVE_INFINITY;
  }

  whole(): Json {
    const parsed = this.#value(0);
    if (this.#skip() !== undefined) this.#fail("nothing more");
    return parsed;
  }

  #fail(expected: string): never {
    const at = this.#at;
    const got = at >= this.#text.length ? "the end" : quoted(this.#text.slice(at, at + 12));
    throw new FilesError(
      this.#limits.code ?? "malformed_json",
      `${this.#what} — expected ${expected} at character ${at}, got ${got}. Get the file again.`,
    );
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found[0];
  }

  #skip(): string | undefined {
    this.#match(SPACE);
    return this.#text[this.#at];
  }

  #string(): string {
    const plain = this.#match(PLAIN);
    if (plain !== undefined) return plain.slice(1, -1);
    const text = this.#text;
    if (text[this.#at] !== '"') this.#fail("a string");
    let end = this.#at + 1;
    while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
    try {
      const parsed = JSON.parse(text.slice(this.#at, end + 1)) as string;
      this.#at = end + 1;
      return parsed;
    } catch {
      return this.#fail("a string");
    }
  }

  #value(depth: number): Json {
    const first = this.#skip();
    if (++this.#values > this.#maxValues) this.#fail(`at most ${this.#maxValues} values`);
    if (first === '"') return this.#string();
    if (first === "{" || first === "[") {
      if (depth >= this.#maxDepth) this.#fail(`at most ${this.#maxDepth} levels`);
      this.#at++;
      return first === "{" ? this.#object(depth + 1) : this.#array(depth + 1);
    }
    const number = this.#match(this.#limits.integers ? INTEGER : NUMBER);
    if (number !== undefined) {
      const n = Number(number);
      return Number.isFinite(n) ? n : this.#fail("a number that float64 can hold");
    }
    const word = this.#match(WORD);
    return word === undefined ? this.#fail("a JSON value") : word === "null" ? null : word === "true";
  }

  /** Past a comma, or past the end of a list or object: true at the end. */
  #ended(close: "]" | "}"): boolean {
    const next = this.#skip();
    if (next !== "," && next !== close) this.#fail(`"," or "${close}"`);
    this.#at++;
    return next === close;
  }

  #array(depth: number): Json[] {
    const items: Json[] = [];
    if (this.#skip() === "]") {
      this.#at++;
      return items;
    }
    do items.push(this.#value(depth));
    while (!this.#ended("]"));
    return items;
  }

  #object(depth: number): JsonObject {
    const entries: Record<string, Json> = Object.create(null);
    if (this.#skip() === "}") {
      this.#at++;
      return entries;
    }
    do {
      this.#skip();
      const start = this.#at;
      const key = this.#string();
      if (key === "__proto__" || Object.hasOwn(entries, key)) {
        this.#at = start;
        this.#fail(key === "__proto__" ? "a key other than __proto__" : "each key once");
      }
      if (this.#skip() !== ":") this.#fail('":"');
      this.#at++;
      entries[key] = this.#value(depth);
    } while (!this.#ended("}"));
    return entries;
  }
}

/** True for a parsed object (not null, not a list). */
export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
