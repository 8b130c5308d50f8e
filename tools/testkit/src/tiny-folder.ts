// The embedded model as a folder with other weights: a second model, of another digest, for tests that need two.

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { tinyModelUrls } from "@biovlm/model-tiny/node";

/** Makes the folder. @param factor what one tensor of the image tower is multiplied by @returns the folder */
export function tinyFolder(folder: string, factor = -1): string {
  const weights = fileURLToPath(tinyModelUrls().weights);
  mkdirSync(folder, { recursive: true });
  for (const name of ["open_clip_config.json", "tokenizer.json", "vocab.txt"])
    copyFileSync(join(dirname(weights), name), join(folder, name));
  const bytes = readFileSync(weights);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString("utf8")) as Record<string, { data_offsets: [number, number] }>;
  const tensor = Object.keys(header).find((name) => /visual.*(proj|head).*weight/.test(name));
  if (tensor === undefined) throw new Error("tiny — expected a projection of the image tower, got none.");
  const [from, to] = header[tensor]!.data_offsets.map((at) => at + 8 + length) as [number, number];
  for (let at = from; at < to; at += 4) bytes.writeFloatLE(bytes.readFloatLE(at) * factor, at);
  writeFileSync(join(folder, "model.safetensors"), bytes);
  return folder;
}
