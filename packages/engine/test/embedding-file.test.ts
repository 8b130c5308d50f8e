// The output of many embeddings: read back by other means than it was written, and not at all where it is not what its list says.

import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, readZip } from "@biovlm/files";
import { openSafetensors } from "@biovlm/model/backbone";
import { cases, mutations } from "@biovlm/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { type EmbeddingFacts, EmbeddingFile, type RowName, rowsPath, writeEmbeddings } from "../src/embeddings/index.js";

const folder = mkdtempSync(join(tmpdir(), "embeddings-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const D = 6;
const facts: EmbeddingFacts = {
  key: "ab".repeat(32),
  D,
  model: { name: "toy", digest: `sha256:${"cd".repeat(32)}` },
  preprocess: "bicubic 8 centre crop, exif apply",
  normalized: true,
};
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const names = (n: number): RowName[] => Array.from({ length: n }, (_, i) => ({ file: `scan ${i}.png`, sha256: sha256(String(i)) }));
const rowOf = (name: RowName) => Float32Array.from({ length: D }, (_, d) => Number.parseInt(name.sha256.slice(0, 4), 16) + d / 8);
const bytesOf = async (name: RowName) => new Uint8Array(rowOf(name).buffer);

async function written(out: string, n: number): Promise<RowName[]> {
  const all = names(n);
  await writeEmbeddings(out, facts, all, bytesOf);
  return all;
}

describe("a file of embeddings", () => {
  it("as safetensors holds the rows, the digests of their files, and what they are", async () => {
    const out = join(folder, "a.safetensors");
    const all = await written(out, 5);
    const { tensors, metadata } = openSafetensors(new Uint8Array(readFileSync(out)));
    expect(tensors.get("embeddings")).toMatchObject({ dtype: "F32", shape: [5, D] });
    const rows = new Float32Array(tensors.get("embeddings")!.bytes().slice().buffer);
    expect(Array.from(rows)).toEqual(all.flatMap((name) => Array.from(rowOf(name))));
    expect(Buffer.from(tensors.get("sha256")!.bytes()).toString("hex")).toBe(all.map((name) => name.sha256).join(""));
    expect(metadata).toMatchObject({ format: "biovlm-embeddings/1", model_digest: facts.model.digest, normalized: "true" });
  });

  it("as npy has a header that numpy reads: 64 bytes' multiple, shape, and little-endian float32 after it", async () => {
    const out = join(folder, "a.npy");
    const all = await written(out, 3);
    const bytes = readFileSync(out);
    expect(bytes.subarray(0, 8).toString("latin1")).toBe("\x93NUMPY\x01\x00");
    const length = 10 + bytes.readUInt16LE(8);
    expect(length % 64).toBe(0);
    expect(bytes.subarray(10, length).toString("latin1")).toMatch(/^\{'descr': '<f4', 'fortran_order': False, 'shape': \(3, 6\), \} *\n$/);
    expect(bytes.length).toBe(length + 3 * D * 4);
    expect(bytes.readFloatLE(length + 4 * (D + 1))).toBe(rowOf(all[1]!)[1]);
  });

  it("as npz holds the rows, the digests, and the names as numpy's text, whatever letters they have", async () => {
    const out = join(folder, "a.npz");
    const all = [...names(2), { file: "Präparat 𝛼.svs#xywh=0,96,48,48", sha256: sha256("2") }];
    await writeEmbeddings(out, facts, all, bytesOf);
    const bytes = readFileSync(out);
    const entries = await readZip(
      { size: bytes.length, read: async (at, length) => new Uint8Array(bytes.subarray(at, at + length)) },
      { maxEntries: 8, maxDirectoryBytes: 4096 },
    );
    expect([...entries.keys()]).toEqual(["embeddings.npy", "sha256.npy", "names.npy"]);
    const longest = Array.from(all[2]!.file).length;
    const shapes = {
      "embeddings.npy": `'<f4'.*\\(3, ${D}\\)`,
      "sha256.npy": "'\\|u1'.*\\(3, 32\\)",
      "names.npy": `'<U${longest}'.*\\(3,\\)`,
    };
    const data: Record<string, Buffer> = {};
    for (const [name, { offset, size, stored, crc32: sum }] of entries) {
      const member = bytes.subarray(offset, offset + size);
      expect([stored, crc32(member)]).toEqual([true, sum]);
      const head = 10 + member.readUInt16LE(8);
      expect(member.toString("latin1", 10, head)).toMatch(new RegExp(shapes[name as keyof typeof shapes]));
      data[name] = Buffer.from(member.subarray(head));
    }
    expect(new Float32Array(Uint8Array.from(data["embeddings.npy"]!).buffer)).toEqual(
      Float32Array.from(all.flatMap((name) => [...rowOf(name)])),
    );
    expect(data["sha256.npy"]!.toString("hex")).toBe(all.map((name) => name.sha256).join(""));
    const letters = new Uint32Array(Uint8Array.from(data["names.npy"]!).buffer);
    const texts = all.map((_, i) => String.fromCodePoint(...letters.subarray(i * longest, (i + 1) * longest)).replace(/\0+$/, ""));
    expect(texts).toEqual(all.map(({ file }) => file));
    const before = readFileSync(out);
    await writeEmbeddings(out, facts, all, bytesOf);
    expect(readFileSync(out).equals(before)).toBe(true);
  });

  it.each(["b.safetensors", "b.npy", "b.npz"])("%s gives its rows back by content, and says whether it holds just these", async (file) => {
    const out = join(folder, file);
    const all = await written(out, 7);
    const found = (await EmbeddingFile.open(out, facts))!;
    expect(found.names).toEqual(all);
    for (const name of all) expect(new Float32Array((await found.read(name.sha256)).buffer)).toEqual(rowOf(name));
    expect([found.holds(all), found.holds(all.slice(1)), found.holds([...all].reverse())]).toEqual([true, false, false]);
    expect(found.has(sha256("another"))).toBe(false);
    await expect(found.read(sha256("another"))).rejects.toThrow(RangeError);
    await found.close();
  });

  it("counts as absent for another model, setting or size, without its list, and beside the list of another", async () => {
    const out = join(folder, "c.safetensors");
    await written(out, 2);
    expect(await EmbeddingFile.open(out, { ...facts, key: "00".repeat(32) })).toBeUndefined();
    expect(await EmbeddingFile.open(out, { ...facts, D: D + 1 })).toBeUndefined();
    expect(await EmbeddingFile.open(join(folder, "none.npy"), facts)).toBeUndefined();
    const other = join(folder, "d.safetensors");
    await written(other, 3);
    writeFileSync(rowsPath(out), readFileSync(rowsPath(other)));
    expect(await EmbeddingFile.open(out, facts)).toBeUndefined();
  });

  it("gives right rows or counts as absent, whatever byte of the pair is damaged", async () => {
    const out = join(folder, "e.npy");
    const all = await written(out, 4);
    for (const path of [out, rowsPath(out)]) {
      const sound = readFileSync(path);
      let absent = 0;
      for (const damaged of mutations(3, new Uint8Array(sound), cases(300))) {
        writeFileSync(path, damaged);
        const found = await EmbeddingFile.open(out, facts);
        if (found === undefined) absent++;
        else {
          // a name in the list may have become another; a row is never another's
          for (const { sha256: content } of found.names) {
            const name = all.find((one) => one.sha256 === content);
            if (name !== undefined) expect(new Float32Array((await found.read(content)).buffer)).toEqual(rowOf(name));
          }
          await found.close();
        }
      }
      expect(absent).toBeGreaterThan(cases(300) / 3);
      writeFileSync(path, sound);
    }
  });
});
