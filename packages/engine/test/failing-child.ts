// A pool's child over a toy encoder that fails on demand: what an image's bytes say decides. Bundled by the tests and run by plain node.

import { loadCore } from "@biovlm/core";
import { EncoderError } from "@biovlm/model";
import { runEncoderChild } from "../src/pool/child-loop.js";
import { toyEncoder } from "./toy-encoder.js";

runEncoderChild(async (spec, skip, { onDevice = () => {} }) => {
  const faults = new Set(spec.model.split(","));
  const device = spec.device === "auto" ? (["cuda", "cpu"].find((d) => !skip.includes(d)) as "cuda" | "cpu") : spec.device;
  onDevice(device);
  if (faults.has("refuse")) throw new EncoderError(device, "open_failed", "toy — expected a device, got none. Use another.");
  if (faults.has("cuda-dies-opening") && device === "cuda") process.kill(process.pid, "SIGSEGV");
  const core = await loadCore({ build: "reference" });
  const encoder = toyEncoder(device, (first) => {
    if (device === "cuda" && faults.has("cuda-dies")) process.kill(process.pid, "SIGSEGV");
    if (first === 13 && faults.has("poison")) process.kill(process.pid, "SIGABRT");
    if (first === 14) throw new EncoderError(device, "bad_output", "toy — expected numbers, got NaN. Try again.");
    if (first === 15) for (;;);
    // until the engine's heap has no room left: it ends the process by itself
    if (first === 16) for (const hold: number[][] = []; ; ) hold.push(new Array(1e5).fill(first));
  });
  return { core, encoder, model: { spec: encoder.spec }, standby: device === "cuda" ? ["cpu"] : [], detail: "toy" };
});
