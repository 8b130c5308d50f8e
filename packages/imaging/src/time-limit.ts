// The wall-clock limit of one decode. It settles the promise; a decoder that can be stopped is stopped by its own means.

import { ImagingError } from "./errors.js";

/** A decode that took longer than it may. */
export function tookTooLong(timeoutMs: number | undefined): ImagingError {
  return new ImagingError("timeout", `decoding took longer than ${timeoutMs} ms. Save the image again, or raise timeoutMs.`);
}

/** `work`, or a rejection with `timeout` after `timeoutMs` (undefined: no limit). */
export function withinTime<T>(work: Promise<T>, timeoutMs: number | undefined): Promise<T> {
  if (timeoutMs === undefined) return work;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tookTooLong(timeoutMs)), timeoutMs);
  });
  return Promise.race([work, expiry]).finally(() => clearTimeout(timer));
}
