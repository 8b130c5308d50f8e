// A small bank file for the embedded model: attribute sentences of one data set.

import { loadCore } from "@biovlm/core";
import { attributeSentences, attributeSet } from "@biovlm/datasets";
import { attributeBank, writeBank } from "@biovlm/model";
import { openRuntime } from "../src/opening.js";

export async function attributeBankFile(): Promise<Uint8Array> {
  const spec = { model: "tiny", device: "cpu", threads: 1, precision: "fp32", deterministic: true, maxCacheBytes: 2 ** 28 } as const;
  const runtime = await openRuntime(spec, process.cwd());
  try {
    const set = attributeSet("busi");
    const core = await loadCore({ deterministic: true });
    const names = set.classes.map((c) => c.name);
    return writeBank(await attributeBank({ ...runtime, core }, names, attributeSentences(set)));
  } finally {
    await runtime.close();
  }
}
