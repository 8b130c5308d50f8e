// Which devices an opening starts: none that could not serve.

import { tinyModel } from "@biovlm/model-tiny/node";
import { expect, it } from "vitest";
import { openEncoder } from "../src/index.js";

const SPEC = { model: "tiny", device: "auto", threads: 1, precision: "fp32", deterministic: true } as const;

/** Devices that were started, and the one that serves. */
async function started(skip: readonly string[], failover: boolean, device: string = SPEC.device) {
  const devices: string[] = [];
  const { encoder } = await openEncoder(await tinyModel(), { ...SPEC, device }, skip, {
    failover,
    onDevice: (name) => devices.push(name),
  });
  const serves = encoder.capabilities.device;
  await encoder.close();
  return { devices: new Set(devices), serves };
}

it("asks wasm where cpu is not usable, where it stands by, and where it is named; not where it could not be taken", async () => {
  const cards = ["cuda", "webgpu"];
  expect(await started(cards, false)).toEqual({ devices: new Set(["cpu"]), serves: "cpu" });
  expect(await started(cards, true)).toEqual({ devices: new Set(["cpu", "wasm"]), serves: "cpu" });
  expect(await started([...cards, "cpu"], false)).toEqual({ devices: new Set(["wasm"]), serves: "wasm" });
  expect(await started([], false, "wasm")).toEqual({ devices: new Set(["wasm"]), serves: "wasm" });
});
