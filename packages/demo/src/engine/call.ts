// What every request of the engine is called with, and how it refuses: by a stable code.

import { atEdge, type EdgeWords } from "@biovlm/files";
import type { Failure, Progress } from "./protocol.js";

/** How a request tells how far it is, and learns that it is no longer wanted. */
export interface Call {
  readonly signal: AbortSignal;
  readonly tell: (progress: Progress) => void;
}

/** Throws an error with a code that the page may act on. */
export function refuse(code: string, message: string): never {
  throw Object.assign(new Error(message), { code });
}

/** The page's limits are its own; the command line's are not. */
const PAGE_WORDS: EdgeWords = {
  raise: (limit) =>
    ({ maxBytes: "use the command line with --max-image-bytes", maxPixels: "use the command line with --max-pixels" })[limit],
  range: "under “Values shown”, as LOW..HIGH",
};

/** Any thrown value as a stable code and a line for a person. */
export function failureOf(error: unknown): Failure {
  const { code, name } = (typeof error === "object" && error !== null ? error : {}) as { code?: unknown; name?: unknown };
  const message = atEdge((error instanceof Error ? error.message : String(error)).slice(0, 2000), PAGE_WORDS);
  if (name === "AbortError") return { code: "stopped", message: "stopped" };
  const said = { code: typeof code === "string" ? code : "internal_error", message };
  if (/^ultrasound region /.test(message)) return { ...said, asksWhole: true };
  return / without a range /.test(message) ? { ...said, asksRange: true } : said;
}
