// Entry of a pool's child process: the loop over a real model and device.

import { openCore, openEncoder, openModel } from "../opening.js";
import { runEncoderChild } from "./child-loop.js";

runEncoderChild(async (spec, skip, listeners) => {
  const [core, { model }] = await Promise.all([openCore(spec), openModel(spec)]);
  const { encoder, standby } = await openEncoder(model, spec, skip, listeners);
  return { core, model, encoder, standby };
});
