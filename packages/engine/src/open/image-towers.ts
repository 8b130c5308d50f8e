// Image towers in int8 by compiled kernels, where they were built and this processor serves them; why not, where onnxruntime computes them.

import type { NativeImageTowersFound } from "@biovlm/core-native";
import type { Capabilities } from "@biovlm/model";
import type { OpeningSpec } from "./opening-spec.js";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The image towers that an opening may take, or why it takes none: in int8 alone, and not where the same bits are wanted on every machine.
 * BIOVLM_NATIVE=off leaves them out. Never rejects.
 * @param find how they are found: core-native's `nativeImageTowers` unless given
 */
export async function imageTowers(
  { precision, deterministic, imageTower }: Pick<OpeningSpec, "precision" | "deterministic" | "imageTower">,
  env: Env = process.env,
  find: (env: Env) => Promise<NativeImageTowersFound> = built,
): Promise<NativeImageTowersFound> {
  if (precision !== "int8") return { reason: `${precision} is the device's runtime's` };
  if (imageTower === "onnxruntime") return { reason: "asked for" };
  if (deterministic && imageTower === undefined) return { reason: "the same bits on every machine were asked for" };
  return find(env);
}

async function built(env: Env): Promise<NativeImageTowersFound> {
  const { nativeImageTowers } = await import("@biovlm/core-native");
  return nativeImageTowers(undefined, env);
}

/** What computes image embeddings, where they are in int8: "native (avx512-vnni)", or "onnxruntime" with the reason. */
export function imageTowerName(
  { device, precision, imageTower }: Pick<Capabilities, "device" | "precision" | "imageTower">,
  reason: string | undefined,
): string | undefined {
  if (precision !== "int8") return undefined;
  if (imageTower !== undefined) return imageTower.name;
  return `onnxruntime (${device === "cpu" ? (reason ?? "the model's tower is of another kind") : `device ${device}`})`;
}
