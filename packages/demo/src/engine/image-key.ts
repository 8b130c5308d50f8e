// What tells one picture from another: an image as it is shown. Answers, embeddings and looks are kept under it.

import type { ImageRef } from "./protocol.js";

/** Frame, window, plane, range and region make another picture of an image. */
export function imageKey({ id, frame, window, plane, range, ultrasoundRegion }: ImageRef): string {
  return JSON.stringify([id, frame, window, plane, range, ultrasoundRegion]);
}
