// Text or JSON → the value of one option, with the source named when it is wrong. Pure.

import { suggest } from "@biovlm/files";
import type { OptionSpec } from "./command.js";
import { usageError } from "./errors.js";

const SUFFIXES: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
};

/**
 * Parses one value. `source` is what the user wrote it in: "--threads", "BIOVLM_THREADS" or "threads in biovlm.config.json".
 * @throws CliError `bad_value` (exit 2)
 */
export function parseValue(option: OptionSpec, given: unknown, source: string): boolean | string | number | readonly string[] {
  switch (option.type) {
    case "flag":
      return parseFlag(given, source);
    case "text":
      if (option.many) {
        const list = Array.isArray(given) ? given : [given];
        if (list.every((item): item is string => typeof item === "string")) return list;
        throw bad(source, "a list of texts", given);
      }
      if (typeof given === "string") return given;
      throw bad(source, "a text", given);
    case "choice":
      if (typeof given === "string" && option.choices.includes(given)) return given;
      throw bad(source, `one of ${option.choices.join(", ")}`, given, suggest(typeof given === "string" ? given : "", option.choices));
    case "integer":
    case "number": {
      const value = typeof given === "number" ? given : typeof given === "string" && given.trim() !== "" ? Number(given) : Number.NaN;
      const whole = option.type === "integer";
      if (Number.isFinite(value) && (!whole || Number.isSafeInteger(value)) && value >= option.min && value <= option.max) return value;
      const kind = whole ? "a whole number" : "a number";
      throw bad(
        source,
        option.max >= Number.MAX_SAFE_INTEGER ? `${kind} ≥ ${option.min}` : `${kind} from ${option.min} to ${option.max}`,
        given,
      );
    }
    case "size": {
      const value = parseSize(given);
      if (value !== undefined && value >= option.min && value <= option.max) return value;
      throw bad(source, `a size from ${option.min} to ${option.max}, as in 500k, 25M or 16MiB`, given);
    }
  }
}

function parseFlag(given: unknown, source: string): boolean {
  if (typeof given === "boolean") return given;
  const word = typeof given === "object" ? "an object" : String(given).toLowerCase();
  if (["1", "true", "yes", "on"].includes(word)) return true;
  if (["0", "false", "no", "off", ""].includes(word)) return false;
  throw bad(source, "true or false", given);
}

function parseSize(given: unknown): number | undefined {
  if (typeof given === "number") return Number.isSafeInteger(given) ? given : undefined;
  const match = typeof given === "string" ? /^(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]{0,3})$/i.exec(given.trim()) : null;
  const factor = match === null ? undefined : SUFFIXES[match[2]!.toLowerCase()];
  if (match === null || factor === undefined) return undefined;
  const value = Math.round(Number(match[1]) * factor);
  return Number.isSafeInteger(value) ? value : undefined;
}

function bad(source: string, expected: string, given: unknown, remedy?: string) {
  const got = typeof given === "string" ? given : (JSON.stringify(given) ?? typeof given);
  return usageError("bad_value", `bad value of ${source} — expected ${expected}, got ${JSON.stringify(got.slice(0, 80))}`, remedy);
}

/** "1,2,4" → numbers. @throws CliError `bad_value` (exit 2) */
export function wholeNumbers(text: string, source: string): number[] {
  return text.split(",").map((part) => {
    if (!/^\d{1,9}$/.test(part.trim())) throw bad(source, "whole numbers with commas", text);
    return Number(part);
  });
}
