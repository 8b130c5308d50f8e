// Checks on names that come from outside (a lock file, a manifest, a bundle) before they become paths. Pure.

import { FilesError } from "../errors.js";
import { quoted } from "../quoted.js";

const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._+@=-]{0,127}$/;

/**
 * Returns a relative path with `/` between 1–6 plain segments, e.g. "model.safetensors", "sub/vocab.txt".
 * `..`, absolute paths, drive letters, backslashes, NUL, hidden and empty segments throw `FilesError` (`bad_path`).
 */
export function checkRelativePath(path: unknown, from: string): string {
  const segments = typeof path === "string" && path.length <= 400 ? path.split("/") : [];
  if (segments.length === 0 || segments.length > 6 || !segments.every((segment) => SEGMENT.test(segment))) {
    throw new FilesError(
      "bad_path",
      `${from} names a file that is refused — expected a plain relative path, got ${show(path)}. Do not trust the source of this file.`,
    );
  }
  return path as string;
}

/** Returns 64 lower-case hex digits ("sha256:" in front is taken off); throws `FilesError` (`bad_digest`). */
export function checkSha256(value: unknown, from: string): string {
  const text = typeof value === "string" ? value.toLowerCase().replace(/^sha256:/, "") : "";
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new FilesError("bad_digest", `${from} holds no sha256 — expected 64 hex digits, got ${show(value)}. Give the digest in full.`);
  }
  return text;
}

function show(value: unknown): string {
  return typeof value === "string" ? quoted(value) : typeof value;
}
