// A bank file for the embedded model: each class by its name in a template, as `biovlm serve --class` makes it.

import { cpuBackend } from "@biovlm/backend-cuda";
import { loadCore } from "@biovlm/core";
import { templateBank, writeBank } from "@biovlm/model";
import { tinyModel } from "@biovlm/model-tiny/node";

export async function tinyBank(classes: readonly string[]): Promise<Uint8Array> {
  const model = await tinyModel();
  const encoder = await cpuBackend({ threads: 1 }).open(model.graphs);
  try {
    return writeBank(await templateBank({ core: await loadCore(), encoder, model }, classes));
  } finally {
    await encoder.close();
  }
}
