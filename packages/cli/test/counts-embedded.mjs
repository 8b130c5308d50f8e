// Loaded into a worker by the soak (node --import): one byte to the file EMBEDDED_TO for each image that the encoder was given. Written before the
// encoder runs, so that what a killed worker was at is counted too.

import { openSync, writeSync } from "node:fs";
import { createRequire } from "node:module";

const file = openSync(process.env.EMBEDDED_TO, "a");
const { InferenceSession } = createRequire(import.meta.url)("onnxruntime-node");
const { run } = InferenceSession.prototype;
InferenceSession.prototype.run = function (feeds, ...rest) {
  // images alone have four axes
  const images = Object.values(feeds).find(({ dims }) => dims.length === 4);
  if (images !== undefined) writeSync(file, "x".repeat(images.dims[0]));
  return run.call(this, feeds, ...rest);
};
