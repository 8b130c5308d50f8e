// Entry of a pool's child process: the loop over a real model and device.

import { openCore } from "../open/core.js";
import { openEncoder } from "../open/encoder.js";
import { openModel } from "../open/model.js";
import { collectLessOften } from "../process/collections.js";
import { ignoreDebugSignal } from "../process/debug-signal.js";
import { mainThreadFirst } from "../process/thread-priority.js";
import { runEncoderChild } from "./child-loop.js";

collectLessOften();
ignoreDebugSignal();
runEncoderChild(async (spec, skip, listeners) => {
  await mainThreadFirst();
  const [core, { model }] = await Promise.all([openCore(spec), openModel(spec)]);
  const { encoder, standby, detail, imageTower } = await openEncoder(model, spec, skip, listeners);
  return { core, model, encoder, standby, detail, imageTower };
});
