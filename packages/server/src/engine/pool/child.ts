// Entry of a pool's child process: the loop over a real model and device.

import { collectLessOften } from "../../lifecycle/collections.js";
import { mainThreadFirst } from "../../lifecycle/thread-priority.js";
import { openCore, openEncoder, openModel } from "../opening.js";
import { runEncoderChild } from "./child-loop.js";

collectLessOften();
runEncoderChild(async (spec, skip, listeners) => {
  await mainThreadFirst();
  const [core, { model }] = await Promise.all([openCore(spec), openModel(spec)]);
  const { encoder, standby } = await openEncoder(model, spec, skip, listeners);
  return { core, model, encoder, standby };
});
