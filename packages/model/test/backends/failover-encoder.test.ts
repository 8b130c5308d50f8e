// An encoder that outlives its device, over backends whose failures are scripted.

import { describe, expect, it } from "vitest";
import {
  type Device,
  type DeviceChange,
  type Encoder,
  type EncoderBackend,
  EncoderError,
  type EncoderErrorCode,
  openWithFailover,
} from "../../src/index.js";
import type { Tape } from "../../src/prompts.js";
import { TOY_SPEC, toyPixels, toyRows, toyTokens, toyTowers } from "../../src/testing/index.js";

const D = TOY_SPEC.embedDim;

/** A backend that answers with its opening's number, until told to fail. */
function scripted(device: Device) {
  const state = { opened: 0, closed: 0, fail: undefined as EncoderErrorCode | undefined, failOpening: false, failAlways: false };
  const fault = (code: EncoderErrorCode) => new EncoderError(device, code, "scripted — expected luck, got none. Try again.");
  const backend: EncoderBackend = {
    name: device,
    device,
    probe: async () => ({ available: true, score: 1, detail: "scripted" }),
    async open() {
      if (state.failOpening) throw fault("open_failed");
      const number = ++state.opened;
      let open = true;
      const answer = async (rows: number) => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        if (!open) throw fault("closed");
        const code = state.fail;
        if (code !== undefined) {
          if (!state.failAlways) state.fail = undefined;
          throw fault(code);
        }
        return { data: new Float32Array(rows * D).fill(number), shape: [rows, D] as const };
      };
      const tapes = new Set<Tape>();
      const encoder: Encoder = {
        name: device,
        capabilities: { device, precision: "fp32", maxBatch: 4, gradients: true, deterministic: true },
        encodeImages: (_, batch) => answer(batch),
        encodeTexts: (_, __, shape) => answer(shape[0]),
        async encodePrompts(rows, options) {
          const out = await answer(rows.shape[0]);
          const tape: Tape = { dispose: () => void tapes.delete(tape) };
          if (options?.keep === true) tapes.add(tape);
          return options?.keep === true ? { out, tape } : { out };
        },
        async encodePromptsBackward(from) {
          await answer(0);
          if (!("embeddings" in from)) {
            if (!tapes.delete(from)) throw fault("bad_input");
            return Float32Array.of(number, 0);
          }
          return Float32Array.of(number, from.embeddings[0]!);
        },
        async close() {
          if (open) state.closed++;
          open = false;
        },
      };
      return encoder;
    },
  };
  return { backend, state };
}

const { graphs } = toyTowers();
const ask = (encoder: Encoder) => encoder.encodeImages(toyPixels(1), 1).then((e) => e.data[0]!);

describe("openWithFailover (R12)", () => {
  it.each(["run_failed", "bad_output"] as const)("opens the device again after %s, answers the call, and tells", async (code) => {
    const gpu = scripted("webgpu");
    const cpu = scripted("cpu");
    const changes: DeviceChange[] = [];
    const encoder = await openWithFailover(graphs, [gpu.backend, cpu.backend], { onChange: (c) => changes.push(c) });
    expect(await ask(encoder)).toBe(1);
    gpu.state.fail = code;
    expect(await ask(encoder)).toBe(2);
    expect(changes).toEqual([{ from: "webgpu", to: "webgpu", reason: expect.stringContaining("scripted") }]);
    expect(gpu.state).toMatchObject({ opened: 2, closed: 1 });
    expect(cpu.state.opened).toBe(0);
  });

  it("goes to the next backend when the device fails again, and its capabilities say so", async () => {
    const gpu = scripted("webgpu");
    const cpu = scripted("cpu");
    const changes: DeviceChange[] = [];
    const encoder = await openWithFailover(graphs, [gpu.backend, cpu.backend], { onChange: (c) => changes.push(c) });
    Object.assign(gpu.state, { fail: "run_failed", failAlways: true });
    expect(await ask(encoder)).toBe(1);
    expect(encoder.capabilities.device).toBe("cpu");
    expect(encoder.name).toBe("cpu");
    expect(changes.map(({ from, to }) => [from, to])).toEqual([["webgpu", "cpu"]]);
    // every encoder of the lost device is closed
    expect(gpu.state.closed).toBe(gpu.state.opened);
    await encoder.close();
    await expect(ask(encoder)).rejects.toMatchObject({ code: "closed" });
    expect(cpu.state.closed).toBe(1);
  });

  it("never replaces a named device: one retry on it, then the failure", async () => {
    const gpu = scripted("webgpu");
    const changes: DeviceChange[] = [];
    const encoder = await openWithFailover(graphs, [gpu.backend], { onChange: (c) => changes.push(c) });
    Object.assign(gpu.state, { fail: "run_failed", failAlways: true });
    await expect(ask(encoder)).rejects.toMatchObject({ code: "run_failed", backend: "webgpu" });
    expect(gpu.state.opened).toBe(2);
    expect(changes).toEqual([]);
    Object.assign(gpu.state, { fail: undefined, failAlways: false });
    expect(await ask(encoder)).toBe(2);
  });

  it("works again by itself after a time in which nothing could be opened", async () => {
    const gpu = scripted("webgpu");
    const encoder = await openWithFailover(graphs, [gpu.backend]);
    Object.assign(gpu.state, { fail: "run_failed", failOpening: true });
    await expect(ask(encoder)).rejects.toMatchObject({ code: "run_failed" });
    await expect(ask(encoder)).rejects.toMatchObject({ code: "closed" });
    gpu.state.failOpening = false;
    expect(await ask(encoder)).toBe(2);
  });

  it("leaves the caller's own faults alone: NaN in, wrong buffers, an aborted signal", async () => {
    const gpu = scripted("webgpu");
    const encoder = await openWithFailover(graphs, [gpu.backend]);
    const poisoned = toyPixels(1);
    poisoned[3] = Number.NaN;
    gpu.state.fail = "bad_output";
    await expect(encoder.encodeImages(poisoned, 1)).rejects.toMatchObject({ code: "bad_output" });
    gpu.state.fail = "bad_input";
    await expect(ask(encoder)).rejects.toMatchObject({ code: "bad_input" });
    gpu.state.fail = "not_supported";
    await expect(ask(encoder)).rejects.toMatchObject({ code: "not_supported" });
    expect(gpu.state.opened).toBe(1);
  });

  it("repairs once for all calls that met the same loss", async () => {
    const gpu = scripted("webgpu");
    const changes: DeviceChange[] = [];
    const encoder = await openWithFailover(graphs, [gpu.backend], { onChange: (c) => changes.push(c) });
    Object.assign(gpu.state, { fail: "run_failed", failAlways: true });
    const settled = Promise.allSettled(Array.from({ length: 6 }, () => ask(encoder)));
    await new Promise((resolve) => setTimeout(resolve, 0));
    const later = new Promise((resolve) => setTimeout(resolve, 1)).then(() => Object.assign(gpu.state, { fail: undefined }));
    await later;
    const answers = await settled;
    for (const a of answers) if (a.status === "fulfilled") expect(a.value).toBe(gpu.state.opened);
    expect(answers.filter((a) => a.status === "fulfilled").length).toBeGreaterThanOrEqual(5);
    expect(gpu.state.opened).toBeLessThanOrEqual(3);
    expect(changes.length).toBeLessThanOrEqual(2);
  });

  it("takes a gradient on the new device when the tape's device is gone, from the rows as they were", async () => {
    const gpu = scripted("webgpu");
    const cpu = scripted("cpu");
    const encoder = await openWithFailover(graphs, [gpu.backend, cpu.backend]);
    const rows = toyRows([2, 3]);
    const word = rows.embeddings[0]!;
    const { tape } = await encoder.encodePrompts(rows, { keep: true });
    rows.embeddings.fill(9);
    Object.assign(gpu.state, { fail: "run_failed", failAlways: true });
    const gradient = await encoder.encodePromptsBackward!(tape!, new Float32Array(2 * D));
    expect(Array.from(gradient)).toEqual([1, word]);
    expect(encoder.capabilities.device).toBe("cpu");
    await expect(encoder.encodePromptsBackward!(tape!, new Float32Array(2 * D))).rejects.toMatchObject({ code: "bad_input" });
  });

  it("opens each device with the graphs meant for it", async () => {
    const seen: string[] = [];
    const gpu = scripted("webgpu");
    const cpu = scripted("cpu");
    const encoder = await openWithFailover(
      (device) => {
        seen.push(device);
        return graphs;
      },
      [gpu.backend, cpu.backend],
    );
    Object.assign(gpu.state, { fail: "run_failed", failAlways: true });
    const { ids, mask, shape } = toyTokens([2]);
    await encoder.encodeTexts(ids, mask, shape);
    expect(seen).toEqual(["webgpu", "webgpu", "cpu"]);
  });

  it("refuses an empty list", async () => {
    await expect(openWithFailover(graphs, [])).rejects.toThrow(/at least one/);
  });
});
