// Banks by name: what is taken, what is refused and changes nothing, and classifiers that are made once.

import { memoryStore } from "@biovlm/files";
import { type PromptBank, templateBank, writeBank } from "@biovlm/model";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BankShelf } from "../src/banks/bank-shelf.js";
import { openRuntime, type Runtime } from "../src/index.js";

let runtime: Runtime;
let bank: PromptBank;
let bytes: Uint8Array;
beforeAll(async () => {
  runtime = await openRuntime(
    { model: "tiny", device: "cpu", precision: "fp32", deterministic: true, threads: 1 },
    undefined,
    memoryStore(),
  );
  bank = await templateBank(runtime, ["a", "b"]);
  bytes = writeBank(bank);
}, 60_000);
afterAll(async () => {
  await runtime.close();
});

describe("a runtime", () => {
  it("says which device serves and why, and refuses a folder that is not there before anything is opened", async () => {
    expect([runtime.model.name, runtime.encoder.capabilities.device]).toEqual(["tiny", "cpu"]);
    expect(runtime.detail).toContain("onnxruntime-node");
    const gone = openRuntime({ model: "./gone", device: "auto", precision: "fp32", deterministic: false });
    await expect(gone).rejects.toMatchObject({ code: "not_found", message: "no such model folder — ./gone" });
    const unknown = openRuntime({ model: "tiny", device: "abacus", precision: "fp32", deterministic: false });
    await expect(unknown).rejects.toMatchObject({ code: expect.stringMatching(/no_backend|unknown_device/) });
  });
});

describe("the shelf of banks", () => {
  it("gives a bank by the name it was put under, the newest for a name", async () => {
    const shelf = new BankShelf();
    const { served } = await shelf.put("first", bytes, [runtime.model]);
    expect(served).toMatchObject({ name: "first", classes: ["a", "b"], rho: bank.rho, recipe: "templates" });
    const other = writeBank({ ...bank, rho: 0.25 });
    await shelf.put("first", other, [runtime.model]);
    expect(shelf.list()).toHaveLength(1);
    expect(shelf.get("first").served.rho).toBe(0.25);
    expect(() => shelf.get("second")).toThrow(expect.objectContaining({ code: "unknown_bank" }));
  });

  it("refuses what is no bank, not of a served model, or learned with other pixels, and keeps what was there", async () => {
    const shelf = new BankShelf();
    await shelf.put("bank", bytes, [runtime.model]);
    const before = shelf.get("bank");
    const foreign = writeBank({ ...bank, modelDigest: `sha256:${"0".repeat(64)}` });
    const imagenet = writeBank({ ...bank, options: { ...bank.options, normalisation: "imagenet" } });
    for (const bad of [bytes.subarray(0, bytes.length - 1), new Uint8Array(9), foreign, imagenet])
      await expect(shelf.put("bank", bad, [runtime.model])).rejects.toMatchObject({ code: "bad_bank" });
    await expect(shelf.put("../bank", bytes, [runtime.model])).rejects.toMatchObject({ code: "bad_name" });
    expect(shelf.get("bank")).toBe(before);
  });

  it("takes a bank learned in another window only where images are shown in it", async () => {
    const windowed = writeBank({ ...bank, options: { ...bank.options, window: "lung" } });
    await expect(new BankShelf().put("bank", windowed, [runtime.model])).rejects.toMatchObject({
      code: "bad_bank",
      message: expect.stringContaining("Serve it with --window lung"),
    });
    for (const window of ["lung", "-600/1500"])
      expect(await new BankShelf({ window, range: "file", ultrasoundRegion: false }).put("bank", windowed, [runtime.model])).toBeDefined();
    const odd = writeBank({ ...bank, options: { ...bank.options, range: "none of these" } });
    await expect(new BankShelf().put("bank", odd, [runtime.model])).rejects.toMatchObject({ code: "bad_bank" });
    expect(
      await new BankShelf({ window: "lung", range: "bits=12", ultrasoundRegion: true }).put("bank", bytes, [runtime.model]),
    ).toBeDefined();
  });

  it("says all that a bank keeps of how its images were shown", async () => {
    const shown = { window: "lung", range: "bits=12", plane: "coronal", ultrasoundRegion: true } as const;
    const kept = writeBank({ ...bank, options: { ...bank.options, ...shown, volumes: true } });
    const { served } = await new BankShelf(shown).put("bank", kept, [runtime.model]);
    expect(served).toMatchObject({ ...shown, volumes: true });
    const plain = (await new BankShelf().put("bank", bytes, [runtime.model])).served;
    for (const name of [...Object.keys(shown), "volumes"]) expect(plain).not.toHaveProperty(name);
  });

  it("makes a classifier once for like questions, and refuses a share or a list of classes out of bounds", async () => {
    const shelf = new BankShelf();
    const shelved = await shelf.put("bank", bytes, [runtime.model]);
    const one = await shelf.classifier(runtime, shelved);
    expect(await shelf.classifier(runtime, shelved)).toBe(one);
    expect(await shelf.classifier(runtime, shelved, { rho: 0.25 })).not.toBe(one);
    for (const rho of [0, -1, 1.1, Number.NaN])
      await expect(shelf.classifier(runtime, shelved, { rho })).rejects.toMatchObject({ code: "bad_option" });
    const many = Array.from({ length: 257 }, (_, i) => `class ${i}`);
    await expect(shelf.classifier(runtime, shelved, { classes: many })).rejects.toMatchObject({ code: "bad_classes" });
  });
});
