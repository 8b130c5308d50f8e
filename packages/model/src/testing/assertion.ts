// What the conformance suite asserts with: plain throws, so that it runs in any test runner, and in a page without one.

import { nth } from "@biovlm/files";
import { EncoderError, type EncoderErrorCode } from "../contract/errors.js";

/** Throws when the condition does not hold. */
export function holds(condition: boolean, what: string): void {
  if (!condition) throw new Error(`the encoder breaks its contract: ${what}`);
}

/** Every number within `tolerance` of what is wanted, relative to the largest wanted. */
export function near(got: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number, what: string): void {
  holds(got.length === wanted.length, `${what} — expected ${wanted.length} numbers, got ${got.length}`);
  let scale = 1;
  for (let i = 0; i < wanted.length; i++) scale = Math.max(scale, Math.abs(nth(wanted, i)));
  for (let i = 0; i < wanted.length; i++) {
    // a NaN is not near anything
    holds(Math.abs(nth(got, i) - nth(wanted, i)) <= tolerance * scale, `${what} — expected ${wanted[i]} at ${i}, got ${got[i]}`);
  }
}

/** The same bits. */
export function same(got: Float32Array, wanted: Float32Array, what: string): void {
  holds(got.length === wanted.length, `${what} — expected ${wanted.length} numbers, got ${got.length}`);
  for (let i = 0; i < wanted.length; i++) holds(Object.is(got[i], wanted[i]), `${what} — expected ${wanted[i]} at ${i}, got ${got[i]}`);
}

/** The call rejects with an EncoderError of this code. */
export async function refuses(call: () => Promise<unknown>, code: EncoderErrorCode, what: string): Promise<void> {
  const error = await outcome(call);
  holds(error instanceof EncoderError && error.code === code, `${what} — expected EncoderError ${code}, got ${String(error)}`);
  holds(/^(?!\[biovlm).+ — expected .+, got[: ].+\. .+/s.test((error as Error).message), `the wording of: ${String(error)}`);
}

/** What a call rejects with, or a sentence that it did not. */
export async function outcome(call: () => Promise<unknown>): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return "no rejection";
}
