// Which device runs: a pure choice over probe results.

import { describe, expect, it } from "vitest";
import type { ProbedBackend } from "../../src/encoding/choose-backend.js";
import { chooseBackend, type Device, type EncoderBackend, ModelError, type Probe, probeBackends } from "../../src/index.js";

function probed(device: Device, probe: Probe): ProbedBackend {
  const backend: EncoderBackend = {
    name: device,
    device,
    probe: async () => probe,
    open: () => Promise.reject(new Error("choosing opens nothing")),
  };
  return { backend, probe };
}

const SCORES = { cuda: 100, webgpu: 80, cpu: 50, wasm: 20 } as const;
const usable = (device: keyof typeof SCORES, score: number = SCORES[device]) =>
  probed(device, { available: true, score, detail: `${device} works` });
const refused = (device: Device, reason: string) => probed(device, { available: false, reason });

describe("chooseBackend", () => {
  it("under auto takes cuda, then webgpu, then cpu, then wasm, in whatever order they are handed in", () => {
    const all = [usable("wasm"), usable("cpu"), usable("webgpu"), usable("cuda")];
    for (const wanted of ["cuda", "webgpu", "cpu", "wasm"] as const) {
      expect(chooseBackend("auto", all).backend.device).toBe(wanted);
      all.pop();
    }
  });

  it("under auto takes a software webgpu adapter last", () => {
    expect(chooseBackend("auto", [usable("webgpu", 5), usable("wasm")]).backend.device).toBe("wasm");
    expect(chooseBackend("auto", [usable("webgpu", 5), refused("wasm", "none")]).backend.device).toBe("webgpu");
  });

  it("under auto says what it passed over, and why", () => {
    const choice = chooseBackend("auto", [refused("cuda", "no card"), usable("cpu"), usable("wasm")]);
    expect(choice.detail).toBe("cpu works");
    expect(choice.passedOver).toEqual([
      { name: "cuda", reason: "no card" },
      { name: "wasm", reason: "usable, but slower here (wasm works)" },
    ]);
  });

  it("gives ties to the first", () => {
    const [a, b] = [usable("cpu", 7), usable("wasm", 7)];
    expect(chooseBackend("auto", [a, b]).backend).toBe(a.backend);
    expect(chooseBackend("auto", [b, a]).backend).toBe(b.backend);
  });

  it("never replaces a named device", () => {
    const all = [refused("cuda", "libcudart.so.12 is missing"), usable("cpu")];
    expect(() => chooseBackend("cuda", all)).toThrow(/device cuda — expected a usable backend, got cuda: libcudart.so.12 is missing/);
    const choice = chooseBackend("cpu", [usable("cuda"), usable("cpu")]);
    expect(choice.backend.device).toBe("cpu");
    expect(choice.passedOver).toEqual([]);
  });

  it("lists every refusal when nothing is usable", () => {
    const all = [refused("cuda", "no card"), refused("webgpu", "no adapter"), refused("cpu", "not installed")];
    try {
      chooseBackend("auto", all);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ModelError);
      expect(error).toMatchObject({ code: "no_backend" });
      for (const part of ["cuda: no card", "webgpu: no adapter", "cpu: not installed"]) expect((error as Error).message).toContain(part);
    }
    expect(() => chooseBackend("auto", [])).toThrow(/none/);
    expect(() => chooseBackend("wasm", [usable("cpu")])).toThrow(/no backend for it among cpu/);
  });
});

describe("probeBackends", () => {
  it("asks one after another, and keeps each answer with its backend", async () => {
    let inFlight = 0;
    let most = 0;
    const backend = (device: keyof typeof SCORES): EncoderBackend => ({
      ...usable(device).backend,
      async probe() {
        most = Math.max(most, ++inFlight);
        await new Promise((resolve) => setTimeout(resolve, 2));
        inFlight--;
        return { available: false, reason: device };
      },
    });
    const answers = await probeBackends([backend("cuda"), backend("cpu")]);
    expect(answers.map((a) => !a.probe.available && a.probe.reason)).toEqual(["cuda", "cpu"]);
    expect(most).toBe(1);
  });
});
