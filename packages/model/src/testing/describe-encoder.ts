// The conformance suite for a test runner. The runner's functions are handed in: nothing here depends on one.

import { bytesPromises } from "./bytes-promises.js";
import { basicPromises, closeShared, type EncoderPromise, type EncoderSubject } from "./encoder-promises.js";
import { gradientPromises } from "./gradient-promises.js";
import { imageGradientPromises } from "./image-gradient-promises.js";

/** Every promise, in order. A page without a test runner walks this list itself. */
export const encoderPromises: readonly EncoderPromise[] = [
  ...basicPromises,
  ...bytesPromises,
  ...gradientPromises,
  ...imageGradientPromises,
];

/** What is needed of a test runner; vitest's and jest's fit. */
export interface TestRunner {
  describe(title: string, body: () => void): unknown;
  it(title: string, body: () => Promise<void>): unknown;
  afterAll(body: () => Promise<void>): unknown;
}

/** A promise that a backend cannot keep, and why: printed in the test's title. */
export interface SkippedPromise {
  readonly title: string;
  readonly reason: string;
}

/**
 * One test for each promise.
 * @throws Error for a skipped title that no promise has
 * @example describeEncoder("cpu", { backend: cpuBackend({ threads: 1, maxBatch: 4 }) }, { describe, it, afterAll });
 */
export function describeEncoder(name: string, subject: EncoderSubject, runner: TestRunner, skip: readonly SkippedPromise[] = []): void {
  for (const { title } of skip) {
    if (!encoderPromises.some((p) => p.title === title)) throw new Error(`skip "${title}" — expected a promise's title. Correct it.`);
  }
  runner.describe(`${name} keeps the encoder's promises`, () => {
    runner.afterAll(() => closeShared(subject));
    for (const { title, run } of encoderPromises) {
      const skipped = skip.find((s) => s.title === title);
      if (skipped === undefined) runner.it(title, () => run(subject));
      else console.log(`skipped: ${name}, ${title}: ${skipped.reason}`);
    }
  });
}
