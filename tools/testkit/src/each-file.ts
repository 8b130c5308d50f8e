// What test files of one process each have for themselves, such as a folder: begun where a helper says so, again before every later file of the same
// folder, and ended after each. A hook at the head of a helper would be the first file's alone: a helper is evaluated once in a process.

import { sep } from "node:path";
import { afterAll, expect } from "vitest";

type End = () => void;
const begins: { readonly folder: string; readonly begin: () => End }[] = [];
const ends: End[] = [];

/**
 * Calls `begin` now and before every later test file below `folder`, and what it gave after the file, last begun first.
 * @example
 * let place = "";
 * eachFile(import.meta.dirname, () => {
 *   place = mkdtempSync(join(tmpdir(), "biovlm-jobs-"));
 *   return () => rmSync(place, { recursive: true, force: true });
 * });
 */
export function eachFile(folder: string, begin: () => End): void {
  begins.push({ folder: folder + sep, begin });
  ends.push(begin());
}

/** Ends what is left of a file before this one: of one whose tests are all skipped the runner calls no hook. */
export function endOfEarlier(): void {
  for (const end of ends.splice(0).reverse()) end();
}

/** A set-up file's part: begins what was said so far for the file at hand, and ends it after it. */
export function aroundThisFile(): void {
  endOfEarlier();
  const { testPath = "" } = expect.getState();
  for (const { folder, begin } of begins) if (testPath.startsWith(folder)) ends.push(begin());
  // of a soak there may be a hundred thousand images to remove
  afterAll(endOfEarlier, 600_000);
}
