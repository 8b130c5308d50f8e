// The choice of a backend as a pure function of what probes said.

import { describe, expect, it } from "vitest";
import { chooseBackend, type Device, type EncoderBackend, ModelError, type Probe, probeBackends } from "../src/index.js";

function probed(name: Device, probe: Probe) {
  const backend: EncoderBackend = {
    name,
    device: name,
    probe: async () => probe,
    open: () => Promise.reject(new Error("not opened here")),
  };
  return { backend, probe };
}
const usable = (score: number): Probe => ({ available: true, score, detail: `score ${score}` });
const refused = (reason: string): Probe => ({ available: false, reason });

describe("auto", () => {
  it("takes cuda before webgpu before cpu before wasm, and emulated webgpu last", () => {
    const order = [probed("wasm", usable(20)), probed("cpu", usable(50)), probed("cuda", usable(100)), probed("webgpu", usable(80))];
    for (const expected of ["cuda", "webgpu", "cpu", "wasm"]) {
      expect(chooseBackend("auto", order).backend.name).toBe(expected);
      order.splice(
        order.findIndex((p) => p.backend.name === expected),
        1,
      );
    }
    expect(chooseBackend("auto", [probed("webgpu", usable(5)), probed("wasm", usable(20))]).backend.name).toBe("wasm");
  });

  it("says what it passed over and why", () => {
    const choice = chooseBackend("auto", [probed("cuda", refused("no driver")), probed("cpu", usable(50)), probed("wasm", usable(20))]);
    expect(choice.detail).toBe("score 50");
    expect(choice.passedOver).toEqual([
      { name: "cuda", reason: "no driver" },
      { name: "wasm", reason: "usable, but slower here (score 20)" },
    ]);
  });

  it("breaks ties by order", () => {
    expect(chooseBackend("auto", [probed("cpu", usable(50)), probed("cuda", usable(50))]).backend.name).toBe("cpu");
  });

  it("lists every refusal where nothing is usable", () => {
    const all = [probed("cuda", refused("no driver")), probed("cpu", refused("cannot open shared object"))];
    expect(() => chooseBackend("auto", all)).toThrow(/cuda: no driver; cpu: cannot open shared object/);
    expect(() => chooseBackend("auto", [])).toThrow(ModelError);
  });
});

describe("a named device", () => {
  it("is never replaced by another one", () => {
    const all = [probed("cuda", refused("no driver")), probed("cpu", usable(50))];
    expect(chooseBackend("cpu", all).passedOver).toEqual([]);
    for (const device of ["cuda", "wasm"] as const) {
      try {
        chooseBackend(device, all);
        expect.unreachable();
      } catch (error) {
        expect(error).toMatchObject({ code: "no_backend" });
        expect((error as Error).message).toContain(device === "cuda" ? "no driver" : "no backend for it among cuda, cpu");
      }
    }
  });
});

it("probes one backend after another", async () => {
  let running = 0;
  const slow = (name: Device): EncoderBackend => ({
    ...probed(name, usable(1)).backend,
    async probe() {
      expect(++running).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 2));
      running--;
      return usable(1);
    },
  });
  expect((await probeBackends([slow("cuda"), slow("cpu"), slow("wasm")])).map((p) => p.backend.name)).toEqual(["cuda", "cpu", "wasm"]);
});
