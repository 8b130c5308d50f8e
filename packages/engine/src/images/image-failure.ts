// Why an image has no row, as a code and a sentence. The code is the one of the package that refused it; a remedy names flags.

import { atEdge } from "@biovlm/files";
import { FLAG_WORDS } from "../options/edge-words.js";

/** Why an image has no row. */
export interface ImageFailure {
  readonly code: string;
  readonly message: string;
}

/** Any thrown value → code and message; `internal_error` for what no package of ours throws. Never throws. */
export function imageFailure(error: unknown): ImageFailure {
  const message = error instanceof Error ? error.message : String(error);
  const code: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
  return {
    code: typeof code === "string" && /^[a-z][a-z0-9_]*$/.test(code) ? code : "internal_error",
    message: atEdge(message, FLAG_WORDS),
  };
}
