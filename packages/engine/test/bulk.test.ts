// The work on a shard: what is read ahead stays within its bytes, a chunk's bytes say what became of each row, and a source that fails is told
// from an image that does.

import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { type Core, loadCore } from "@biovlm/core";
import { FilesError } from "@biovlm/files";
import { EncoderError } from "@biovlm/model";
import { openSafetensors } from "@biovlm/model/backbone";
import { seeded } from "@biovlm/testkit";
import { parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { chunkBytes, readChunk } from "../src/bulk/chunk-bytes.js";
import { type BulkImages, imageFolder, shardWorker } from "../src/bulk/index.js";
import { type Admit, ReadAhead } from "../src/bulk/read-ahead.js";
import { greyPng, greyRow, TOY_SPEC, toyEncoder } from "./toy-encoder.js";

const base = mkdtempSync(join(tmpdir(), "biovlm-bulk-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
let core: Core;
beforeAll(async () => {
  core = await loadCore({ deterministic: true });
});

describe("reading ahead", () => {
  /** Reads that end when they are told to; `held` is what was admitted and not taken. */
  function made(sizes: readonly number[], limits: { bytes: number; atOnce: number }) {
    const admitted: number[] = [];
    let begun = 0;
    const read = async (index: number, admit: Admit) => {
      begun++;
      await admit(sizes[index]!);
      admitted.push(index);
      return new Uint8Array(sizes[index]!);
    };
    return { ahead: new ReadAhead(sizes.length, read, limits), admitted, begun: () => begun };
  }
  const settle = async () => {
    for (let i = 0; i < 5; i++) await turn();
  };

  it("holds no more bytes than it may, however many files there are", async () => {
    const { ahead, admitted } = made(Array(100).fill(10), { bytes: 45, atOnce: 8 });
    await settle();
    expect(admitted).toEqual([0, 1, 2, 3]);
    await ahead.take(0);
    await settle();
    expect(admitted).toEqual([0, 1, 2, 3, 4]);
  });

  it("lets the next file in whatever its size, and goes on behind it", async () => {
    const { ahead, admitted } = made([1, 1000, 1, 1000, 1], { bytes: 50, atOnce: 2 });
    for (let i = 0; i < 5; i++) expect(await ahead.take(i)).toHaveLength([1, 1000, 1, 1000, 1][i]!);
    expect(admitted).toHaveLength(5);
  });

  it("gives every file once in any order of sizes and of taking, and never waits for ever", async () => {
    const random = seeded(3);
    for (let round = 0; round < 30; round++) {
      const sizes = Array.from({ length: 40 }, () => 1 + random.below(90));
      const { ahead } = made(sizes, { bytes: 1 + random.below(120), atOnce: 1 + random.below(6) });
      // as `inOrder` takes them: a window at a time
      for (let from = 0; from < 40; from += 4) {
        const files = await Promise.all([0, 1, 2, 3].map((i) => ahead.take(from + i)));
        expect(files.map(({ length }) => length)).toEqual(sizes.slice(from, from + 4));
      }
    }
  });

  it("begins no more reads when it is closed, and a read that fails is met by who takes it", async () => {
    const { ahead, begun } = made(Array(50).fill(10), { bytes: 20, atOnce: 3 });
    await settle();
    ahead.close();
    const before = begun();
    await ahead.take(0);
    await settle();
    expect(begun()).toBe(before);
    const failing = new ReadAhead(3, (i) => (i === 1 ? Promise.reject(new Error("gone")) : Promise.resolve(new Uint8Array(1))), {
      bytes: 9,
      atOnce: 3,
    });
    await settle();
    await expect(failing.take(1)).rejects.toThrow("gone");
    expect(await failing.take(2)).toHaveLength(1);
  });

  it("reads nothing of files that are skipped before their reading was begun, and lets go of the others", async () => {
    const { ahead, admitted, begun } = made(Array(20).fill(10), { bytes: 35, atOnce: 2 });
    await settle();
    expect(await ahead.take(0)).toHaveLength(10);
    for (let i = 1; i < 15; i++) ahead.skip(i);
    for (let i = 15; i < 20; i++) expect(await ahead.take(i)).toHaveLength(10);
    await settle();
    expect(begun()).toBeLessThan(12);
    expect(admitted.slice(-5).sort()).toEqual([15, 16, 17, 18, 19]);
  });
});

describe("a chunk's bytes", () => {
  const chunk = {
    outcomes: [{ sha256: "ab" }, { code: "not_found" }, { sha256: "cd", code: "corrupt_image" }],
    rows: Float32Array.of(1, 2, 3, 4),
  };

  it("say what became of each row, and read back as they were", () => {
    expect(readChunk(chunkBytes(chunk), 4)).toEqual(chunk);
  });

  it("are refused where they are cut, long or of another width", () => {
    const bytes = chunkBytes(chunk);
    for (const bad of [
      bytes.subarray(0, 3),
      bytes.subarray(0, bytes.length - 1),
      Buffer.concat([bytes, Buffer.alloc(4)]),
      new Uint8Array(0),
    ])
      expect(() => readChunk(bad, 4)).toThrow(/chunk —/);
    expect(() => readChunk(bytes, 5)).toThrow(/chunk —/);
    const lying = Buffer.from(bytes);
    lying.writeUInt32LE(0xffffffff, 0);
    expect(() => readChunk(lying, 4)).toThrow(/chunk —/);
  });
});

describe("work on a shard", () => {
  const files = {
    exif: "apply",
    maxImageBytes: 100_000,
    maxPixels: 10_000,
    frame: "middle",
    plane: "axial",
    window: "file",
    range: "file",
    ultrasoundRegion: false,
    batch: 3,
  } as const;
  const readAhead = { bytes: 10_000, atOnce: 2 };
  const greys = [3, 200, 77, 40, 90, 160, 11];
  const folder = join(base, "images");
  beforeAll(async () => {
    mkdirSync(folder);
    for (const grey of greys) writeFileSync(join(folder, `${grey}.png`), await greyPng(grey));
    writeFileSync(join(folder, "bad.png"), "nothing");
    writeFileSync(join(folder, "big.png"), new Uint8Array(100_001));
  });
  const model = { spec: TOY_SPEC, name: "toy", digest: "sha256:00" };
  const worker = (images: BulkImages, batches: number[] = []) => {
    const toy = toyEncoder("cpu");
    const encoder = {
      ...toy,
      encodeImages: (pixels: Float32Array, n: number) => {
        batches.push(n);
        return toy.encodeImages(pixels, n);
      },
    };
    return shardWorker({ core, encoder, model, embeddings: "raw", images, files, readAhead });
  };
  type Worker = ReturnType<typeof worker>;
  /** All pieces of a chunk. */
  const embedded = async ({ embed }: Pick<Worker, "embed">, rows: Parameters<Worker["embed"]>[0]) => {
    const pieces: Uint8Array[] = [];
    for await (const { bytes } of embed(rows)) pieces.push(bytes);
    return pieces;
  };
  const read = async (from: Worker, rows: Parameters<Worker["embed"]>[0]) => {
    const pieces = (await embedded(from, rows)).map((bytes) => readChunk(bytes, 4));
    return { outcomes: pieces.flatMap(({ outcomes }) => outcomes), rows: pieces.flatMap(({ rows }) => [...rows]) };
  };
  const rowsOf = (...names: (string | number)[]) => names.map((name) => ({ uri: typeof name === "number" ? `${name}.png` : name }));

  it("cuts batches by place, so that an image that fails moves no other into another batch", async () => {
    const [whole, holed]: number[][] = [[], []];
    await embedded(worker(imageFolder(folder, files), whole), rowsOf(...greys));
    await embedded(worker(imageFolder(folder, files), holed), rowsOf(3, "bad.png", 77, 40, "gone.png", "big.png", 11));
    expect(whole).toEqual([3, 3, 1]);
    expect(holed).toEqual([2, 1, 1]);
  });

  it("gives the pieces of a chunk batch by batch, and begun behind one of them the same others", async () => {
    const seen: number[][] = [[], []];
    const rows = rowsOf(3, "bad.png", 77, 40, "gone.png", "big.png", 11);
    const pieces = await embedded(worker(imageFolder(folder, files), seen[0]), rows);
    expect(pieces).toHaveLength(3);
    expect(await embedded(worker(imageFolder(folder, files), seen[1]), rows.slice(3))).toEqual(pieces.slice(1));
    expect(seen).toEqual([
      [2, 1, 1],
      [1, 1],
    ]);
  });

  it("says nothing of files that may not be read before one of the chunk may", async () => {
    const [good, bad] = [imageFolder(folder, files), new FilesError("not_permitted", "image — not for this user.")];
    const images: BulkImages = { ...good, read: (row, ...rest) => (row.uri === "none" ? Promise.reject(bad) : good.read(row, ...rest)) };
    const counts: number[] = [];
    for await (const { rows } of worker(images).embed(rowsOf("none", "none", "none", "none", 3, "none", "none"))) counts.push(rows);
    expect(counts).toEqual([6, 1]);
  });

  it("joins chunks into a table of all rows and the embeddings of those that have one", async () => {
    const by = worker(imageFolder(folder, files));
    const rows = rowsOf(3, "bad.png", 200, "gone.png", "big.png", 77);
    const {
      parts,
      rows: good,
      failed,
    } = await by.join([...(await embedded(by, rows.slice(0, 3))), ...(await embedded(by, rows.slice(3)))], rows);
    expect({ good, failed }).toEqual({
      good: 3,
      failed: [
        { row: 1, code: "unsupported_format" },
        { row: 3, code: "not_found" },
        { row: 4, code: "too_large" },
      ],
    });
    const [table, embeddings] = parts;
    const told = await parquetReadObjects({ file: table!.bytes.slice().buffer as ArrayBuffer });
    expect(told.map(({ row, uri, error }) => [row, uri, error])).toEqual(
      rows.map(({ uri }, row) => [row, uri, failed.find((one) => one.row === row)?.code ?? null]),
    );
    const { tensors } = openSafetensors(embeddings!.bytes);
    expect(tensors.get("embeddings")!.shape).toEqual([3, 4]);
    expect([...new Int32Array(tensors.get("row")!.bytes().slice().buffer)]).toEqual([0, 2, 5]);
    const first = createHash("sha256")
      .update(await greyPng(3))
      .digest();
    expect(Buffer.from(tensors.get("sha256")!.bytes()).subarray(0, 32)).toEqual(first);
    const means = new Float32Array(tensors.get("embeddings")!.bytes().slice().buffer).filter((_, i) => i % 4 === 1);
    expect([...means].map((mean) => Math.round(mean * 255))).toEqual([3, 200, 77]);
  });

  it("gives an image of which the device makes no numbers a code, and the others their rows; not where it makes them of none", async () => {
    const poisoned = (greys: (grey: number) => boolean) => {
      const encoder = toyEncoder("cpu", (grey) => {
        if (greys(grey)) throw new EncoderError("cpu", "bad_output", "toy — expected numbers, got NaN.");
      });
      return shardWorker({ core, encoder, model, embeddings: "raw", images: imageFolder(folder, files), files, readAhead });
    };
    const by = poisoned((grey) => grey === 77 || grey === 11);
    const rows = rowsOf(3, "bad.png", 77, 40, 200, 90, 11);
    const { outcomes, rows: values } = await read(by, rows);
    const none = "bad_output";
    expect(outcomes.map(({ code }) => code)).toEqual([undefined, "unsupported_format", none, undefined, undefined, undefined, none]);
    expect(outcomes.map(({ sha256 }) => sha256?.length)).toEqual([64, 64, 64, 64, 64, 64, 64]);
    expect(values).toEqual([3, 40, 200, 90].flatMap((grey) => [...Float32Array.from(greyRow(grey))]));
    const { failed, rows: good } = await by.join(await embedded(by, rows), rows);
    expect([good, failed.filter(({ code }) => code === none).map(({ row }) => row)]).toEqual([4, [2, 6]]);
    for (const some of [rowsOf(3, 200, 77), rowsOf(3)])
      await expect(
        read(
          poisoned(() => true),
          some,
        ),
      ).rejects.toMatchObject({ code: none });
  });

  it("refuses another content than the list promised, as a row of its own", async () => {
    const [right, wrong] = [
      createHash("sha256")
        .update(await greyPng(3))
        .digest("hex"),
      "0".repeat(64),
    ];
    const chunk = await read(worker(imageFolder(folder, files)), [
      { uri: "3.png", sha256: right },
      { uri: "200.png", sha256: wrong },
      { uri: "77.png", size: 1 },
    ]);
    expect(chunk.outcomes.map(({ code }) => code)).toEqual([undefined, "digest_mismatch", "file_changed"]);
    expect(chunk.rows).toHaveLength(4);
  });

  describe("before its turn", () => {
    /** Images whose reads are noted, and an encoder that answers when it is told to. */
    const slowly = () => {
      const [reads, given]: [string[], (() => void)[]] = [[], []];
      const good = imageFolder(folder, files);
      const images: BulkImages = {
        ...good,
        read: (row, ...rest) => {
          reads.push(row.uri);
          return good.read(row, ...rest);
        },
      };
      const toy = toyEncoder("cpu");
      const encodeImages = async (pixels: Float32Array, n: number) => {
        await new Promise<void>((go) => given.push(go));
        return toy.encodeImages(pixels, n);
      };
      const by = shardWorker({ core, encoder: { ...toy, encodeImages }, model, embeddings: "raw", images, files, readAhead });
      const until = (holds: () => boolean) => vi.waitFor(() => expect(holds()).toBe(true), { timeout: 20_000, interval: 5 });
      return { by, reads, given, until };
    };
    const names = (rows: readonly { readonly uri: string }[]) => rows.map(({ uri }) => uri).sort();

    it("prepares the next batch and the next chunk while the encoder has a batch, and reads no file twice", async () => {
      const { by, reads, given, until } = slowly();
      const [first, second] = [rowsOf(3, 200, 77, 40, 90, 160), rowsOf(11, 3, 200)];
      const pieces = by.embed(first)[Symbol.asyncIterator]();
      by.ahead(second);
      const one = pieces.next();
      await until(() => given.length === 1);
      // the encoder has three images: three more are prepared, and nothing of the chunk behind them
      await until(() => reads.length === 6);
      given[0]!();
      await one;
      const two = pieces.next();
      await until(() => given.length === 2 && reads.length === 9);
      given[1]!();
      await two;
      expect((await pieces.next()).done).toBe(true);
      const rest = embedded(by, second);
      await until(() => given.length === 3);
      given[2]!();
      expect(await rest).toEqual(await embedded(worker(imageFolder(folder, files)), second));
      expect([...reads].sort()).toEqual(names([...first, ...second]));
    });

    it("gives other rows than those it was told of, too, and ends where the encoder fails", async () => {
      const { by, reads, given, until } = slowly();
      by.ahead(rowsOf(90, 160));
      await until(() => reads.length === 2);
      by.ahead([]);
      by.ahead(rowsOf(77, 40));
      const rest = embedded(by, rowsOf(11));
      await until(() => given.length === 1);
      given[0]!();
      expect(await rest).toEqual(await embedded(worker(imageFolder(folder, files)), rowsOf(11)));
      const failing = { ...toyEncoder("cpu"), encodeImages: () => Promise.reject(new Error("no device")) };
      const broken = shardWorker({
        core,
        encoder: failing,
        model,
        embeddings: "raw",
        images: imageFolder(folder, files),
        files,
        readAhead,
      });
      const pieces = broken.embed(rowsOf(3, 200, 77, 40));
      broken.ahead(rowsOf("gone.png"));
      await expect(pieces[Symbol.asyncIterator]().next()).rejects.toThrow("no device");
      expect(await read(worker(imageFolder(folder, files)), rowsOf(3))).toMatchObject({ rows: expect.any(Array) });
    });

    it("tells a source that fails when the chunk is asked for", async () => {
      const good = imageFolder(folder, files);
      const fault = new FilesError("io_error", "image — a read that failed.");
      const by = worker({ ...good, read: (row, ...rest) => (row.uri === "none" ? Promise.reject(fault) : good.read(row, ...rest)) });
      const pieces = by.embed(rowsOf(3));
      by.ahead(rowsOf("none"));
      for await (const { rows } of pieces) expect(rows).toBe(1);
      await expect(embedded(by, [{ uri: "none" }])).rejects.toMatchObject({ code: "source_unreadable" });
    });
  });

  it("rejects where the source fails: no folder, an empty one, a read error, or a chunk of files that may not be read", async () => {
    const empty = join(base, "empty");
    mkdirSync(empty);
    for (const place of [empty, join(base, "nowhere")])
      await expect(embedded(worker(imageFolder(place, files)), rowsOf(3))).rejects.toMatchObject({ code: "source_unreadable" });
    const failing = (code: string): BulkImages => ({
      read: () => Promise.reject(new FilesError(code, `image — a read that failed with ${code}.`)),
      start: () => Promise.reject(new FilesError(code, `image — a read that failed with ${code}.`)),
      check: async () => {},
    });
    for (const code of ["io_error", "network", "too_many_files", "not_permitted"])
      await expect(embedded(worker(failing(code)), rowsOf(3, 200))).rejects.toMatchObject({ code: "source_unreadable" });
    expect((await read(worker(failing("not_found")), rowsOf(3, 200))).rows).toHaveLength(0);
    expect((await read(worker(failing("not_permitted")), rowsOf(3))).rows).toHaveLength(0);
  });

  it("gives files of no row for a shard where every image is bad", async () => {
    const by = worker(imageFolder(folder, files));
    const rows = rowsOf("bad.png", "gone.png");
    const { parts, rows: good } = await by.join(await embedded(by, rows), rows);
    expect(good).toBe(0);
    expect(openSafetensors(parts[1]!.bytes).tensors.get("embeddings")!.shape).toEqual([0, 4]);
  });
});
