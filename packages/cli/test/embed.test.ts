import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSafetensors } from "@biovlm/model/backbone";
import { seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { call, folder, writePhantoms } from "./call.js";

interface Summary {
  readonly rows: number;
  readonly embedded: number;
  readonly reused: number;
  readonly failed: number;
  readonly images: string;
  readonly failures: readonly { readonly file: string; readonly code: string }[];
}

const embed = async (cwd: string, ...words: string[]) => {
  const { code, out, err } = await call(["embed", ...words, "--json", "--device", "cpu"], { cwd });
  return { code, err, ...(out === "" ? ({} as Summary) : (JSON.parse(out) as Summary)) };
};
const rows = (path: string) => {
  const file = openSafetensors(new Uint8Array(readFileSync(path)));
  const tensor = file.tensors.get("embeddings")!;
  return { shape: tensor.shape, data: new Float32Array(tensor.bytes().slice().buffer), metadata: file.metadata };
};
const list = (path: string) =>
  readFileSync(`${path}.rows.jsonl`, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

function work(perKind = 1) {
  const cwd = folder("embed");
  const files = writePhantoms(cwd, perKind).map((path) => path.slice(cwd.length + 1));
  return { cwd, files, out: join(cwd, "rows.safetensors") };
}

describe("embed", () => {
  it("writes one normalised row for each image in the order of their paths, and a list that names them", async () => {
    const { cwd, files, out } = work();
    expect(await embed(cwd, ".", "--out", "rows.safetensors")).toMatchObject({
      code: 0,
      rows: 6,
      embedded: 6,
      reused: 0,
      failed: 0,
      images: expect.stringMatching(/^(native|sharp) /),
    });
    const { shape, data, metadata } = rows(out);
    expect(shape).toEqual([6, 128]);
    for (let r = 0; r < 6; r++) expect(data.subarray(r * 128, (r + 1) * 128).reduce((a, x) => a + x * x, 0)).toBeCloseTo(1, 5);
    expect(metadata).toMatchObject({ format: "biovlm-embeddings/1", model: "tiny", normalized: "true" });
    const [header, ...names] = list(out);
    expect(header).toMatchObject({ format: "biovlm-rows/1", rows: 6, D: 128, embeddings: "rows.safetensors" });
    expect(names.map((n) => n["file"])).toEqual(files);
    const npy = await embed(cwd, ".", "--out", "rows.npy");
    expect(npy).toMatchObject({ code: 0, rows: 6 });
    const bytes = readFileSync(join(cwd, "rows.npy"));
    expect(bytes.subarray(0, 6).toString("latin1")).toBe("\x93NUMPY");
    expect(bytes.toString("latin1", 10, 120)).toMatch(/'descr': '<f4', 'fortran_order': False, 'shape': \(6, 128\)/);
    expect(bytes.subarray(-6 * 128 * 4).equals(Buffer.from(data.buffer))).toBe(true);
  });

  it("does nothing the second time, and embeds only what is new the third", async () => {
    const { cwd, out } = work();
    await embed(cwd, ".", "--out", "rows.safetensors");
    const [before, first] = [statSync(out).mtimeMs, rows(out).data];
    expect(await embed(cwd, ".", "--out", "rows.safetensors")).toMatchObject({ code: 0, rows: 6, embedded: 0, reused: 6 });
    expect(statSync(out).mtimeMs).toBe(before);
    writePhantoms(cwd, 2);
    expect(await embed(cwd, ".", "--out", "rows.safetensors")).toMatchObject({ code: 0, rows: 12, embedded: 6, reused: 6 });
    const { shape, data } = rows(out);
    expect(shape).toEqual([12, 128]);
    for (let r = 0; r < 6; r++) expect(data.subarray(2 * r * 128, (2 * r + 1) * 128)).toEqual(first.subarray(r * 128, (r + 1) * 128));
  });

  it("takes no row of another setting, and none of a damaged output", async () => {
    const { cwd, out } = work();
    await embed(cwd, ".", "--out", "rows.safetensors");
    expect(await embed(cwd, ".", "--out", "rows.safetensors", "--raw")).toMatchObject({ embedded: 6, reused: 0 });
    expect(rows(out).metadata).toMatchObject({ normalized: "false" });
    const whole = readFileSync(out);
    const random = seeded(4);
    for (let i = 0; i < 5; i++) {
      const bad = Buffer.from(whole);
      bad[random.below(bad.length)]! ^= 1 << random.below(8);
      writeFileSync(out, i === 4 ? whole.subarray(0, whole.length - 9) : bad);
      expect(await embed(cwd, ".", "--out", "rows.safetensors", "--raw")).toMatchObject({ code: 0, embedded: 6, reused: 0 });
      expect(readFileSync(out).equals(whole)).toBe(true);
    }
  });

  it("leaves files that fail out, lists them, and ends in exit code 6; in 1 when all fail", async () => {
    const { cwd } = work();
    writeFileSync(join(cwd, "bad.png"), "no image");
    const some = await embed(cwd, ".", "gone.png", "--out", "rows.safetensors");
    expect(some).toMatchObject({ code: 6, rows: 6, failed: 2 });
    expect(some.failures.map(({ file, code }) => [file, code])).toEqual([
      ["gone.png", "not_found"],
      ["bad.png", "unsupported_format"],
    ]);
    expect(some.err).toContain("bad.png: error[unsupported_format]: ");
    expect((await embed(cwd, "bad.png", "--out", "none.safetensors")).code).toBe(1);
  });

  it("run twice at once for one output gives whole files, and the work is done once", async () => {
    const { cwd, out } = work(2);
    const [a, b] = await Promise.all([1, 2].map(() => embed(cwd, ".", "--out", "rows.safetensors")));
    expect([a!.code, b!.code]).toEqual([0, 0]);
    expect(a!.embedded + b!.embedded).toBe(12);
    expect(rows(out).shape).toEqual([12, 128]);
  });

  it("stopped by a signal ends in its exit code and leaves no output", async () => {
    const { cwd } = work();
    for (const [name, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      const result = await call(["embed", ".", "--out", "rows.safetensors"], { cwd, signal: AbortSignal.abort(name) });
      expect([result.code, result.err]).toEqual([code, expect.stringContaining(`stopped by ${name}`)]);
      expect(() => statSync(join(cwd, "rows.safetensors"))).toThrow();
    }
  });
});
