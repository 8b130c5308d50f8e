// A bank of sentences for the embedded model, made on the spot.

import type { PromptBank } from "@biovlm/model";

/** @param sentences of each class */
export async function kindsBank(classes: readonly string[], sentences: readonly (readonly string[])[]): Promise<PromptBank> {
  const { attributeBank } = await import("@biovlm/model");
  const { tinyModel } = await import("@biovlm/model-tiny/node");
  const { cpuBackend } = await import("@biovlm/backend-cuda");
  const { loadCore } = await import("@biovlm/core");
  const model = await tinyModel();
  const encoder = await cpuBackend({ threads: 1 }).open(model.graphs);
  try {
    return await attributeBank({ core: await loadCore(), encoder, model }, classes, sentences);
  } finally {
    await encoder.close();
  }
}
