// The identity of a model: a digest of what its towers compute with, whatever file it came in. The same weights as torch checkpoint, as
// safetensors or under transformers' names have one digest; a bank names the digest of the model it was made with.
// Not a digest of files: those stand in the store's manifest.

import type { ModelSpec } from "../contract/model-spec.js";
import type { StateDict, WeightTensor } from "../weights/state-dict.js";

/** sha256 of a tensor's float32 little-endian bytes, lower-case hex. */
export type TensorDigest = (tensor: WeightTensor) => Promise<string> | string;

/**
 * "sha256:" and the sha256 of this text (UTF-8, lines end in \n):
 * `biovlm-model/1`, then `heads <vision> <text>`, `context <length>`, `image <size> <patch>`, `mean <3 numbers>`, `std <3 numbers>`
 * (JSON numbers), then for every tensor that the towers use, by name in code-unit order, `<name> <shape joined by x> <sha256 of its float32
 * little-endian bytes>`. One tensor is in memory at a time.
 * @param weights as the backbone's `layout` gave them: its own keys, nothing that no tower uses.
 * @param sha256Of for weights that need not be in memory to be hashed
 */
export async function modelDigest(
  spec: ModelSpec,
  weights: StateDict,
  sha256Of: TensorDigest = (tensor) => sha256Hex(tensor.bytes()),
): Promise<string> {
  const lines = [
    "biovlm-model/1",
    `heads ${spec.vision.heads} ${spec.text.heads}`,
    `context ${spec.text.contextLength}`,
    `image ${spec.vision.imageSize} ${spec.vision.patchSize}`,
    `mean ${spec.mean.map((x) => JSON.stringify(x)).join(" ")}`,
    `std ${spec.std.map((x) => JSON.stringify(x)).join(" ")}`,
  ];
  for (const name of [...weights.keys()].sort()) {
    const tensor = weights.get(name);
    lines.push(`${name} ${tensor.shape.join("x")} ${await sha256Of(tensor)}`);
  }
  return `sha256:${await sha256Hex(new TextEncoder().encode(`${lines.join("\n")}\n`))}`;
}

async function sha256Hex(bytes: Uint8Array): Promise<string> {
  const digest = await globalThis.crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, "0")).join("");
}
