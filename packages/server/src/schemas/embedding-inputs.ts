// What an embeddings request asks for, beyond its shape: texts and images told apart, and what would be answered with something else than was meant
// refused. Clients' options that change nothing here are taken.

import { ServerError } from "../errors.js";
import type { EmbeddingsBody } from "./embeddings.js";

const IMAGE = /^data:[a-z]+\/[a-z0-9.+-]+[;,]/i;
/** Of all texts of a request: 2048 of the longest that a model reads. They are cut into words in one go, and nobody else is answered meanwhile. */
const MAX_CHARACTERS = 4 * 1024 * 1024;

/** Throws `bad_request` for token numbers, before the schema says the same in words that help nobody. */
export function refuseTokens(body: unknown): void {
  const input = typeof body === "object" && body !== null ? (body as { input?: unknown }).input : undefined;
  const first = Array.isArray(input) ? (Array.isArray(input[0]) ? input[0][0] : input[0]) : undefined;
  if (typeof first !== "number") return;
  throw new ServerError(
    "bad_request",
    "input — expected texts, got token numbers: this model has another vocabulary. Send texts (LangChain: check_embedding_ctx_length=False).",
  );
}

/** Inputs in order, each a text or an image's data URI. @throws ServerError `bad_request`, `bad_option` */
export function inputsOf({
  input,
  truncate = true,
  normalize = true,
}: Pick<EmbeddingsBody, "input" | "truncate" | "normalize">): { readonly text: string; readonly isImage: boolean }[] {
  if (truncate !== true && truncate !== "END") {
    throw new ServerError(
      "bad_option",
      "truncate — expected true or END (a text that is too long loses its end), got another. Leave it out.",
    );
  }
  if (!normalize) throw new ServerError("bad_option", "normalize — expected true (rows have length 1), got false. Leave it out.");
  const inputs = [input].flat();
  const characters = inputs.reduce((sum, text) => (IMAGE.test(text) ? sum : sum + text.length), 0);
  if (characters > MAX_CHARACTERS) {
    throw new ServerError(
      "bad_request",
      `input — expected texts of at most ${MAX_CHARACTERS} characters together, got ${characters}. Send several requests.`,
    );
  }
  return inputs.map((text, i) => {
    if (text.trim() === "") throw new ServerError("bad_request", `input ${i} — expected a text or an image, got nothing. Leave it out.`);
    if (/^\s*[a-z][a-z0-9+.-]*:\/\/\S+\s*$/i.test(text)) {
      throw new ServerError(
        "bad_request",
        `input ${i} — expected a text or an image as data:image/png;base64,…, got an address. Addresses are never fetched: send the bytes.`,
      );
    }
    return { text, isImage: IMAGE.test(text) };
  });
}
