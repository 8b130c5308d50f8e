// Volumes of a bulk job: means over the frames of several files, gone on from every place where a worker may have ended, with the same bytes.

import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Core, loadCore } from "@biovlm/core";
import { FilesError } from "@biovlm/files";
import { EncoderError } from "@biovlm/model";
import { madeCine, seeded } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chunkBytes, readChunk } from "../src/bulk/chunk-bytes.js";
import { type BulkImages, type BulkRow, imageFolder, shardWorker } from "../src/bulk/index.js";
import { AS_THEY_COME, greyPng, greyRow, TOY_SPEC, toyEncoder } from "./toy-encoder.js";

const base = mkdtempSync(join(tmpdir(), "biovlm-bulk-volumes-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const files = { ...AS_THEY_COME, maxImageBytes: 10_000_000, maxPixels: 1_000_000, batch: 3 } as const;
const { below } = seeded(12);
const greys = Array.from({ length: 60 }, () => below(256));
const folder = join(base, "images");
let core: Core;
beforeAll(async () => {
  core = await loadCore({ deterministic: true });
  mkdirSync(folder);
  for (const [i, grey] of greys.entries()) writeFileSync(join(folder, `${i}.png`), await greyPng(grey));
  writeFileSync(join(folder, "bad.png"), "nothing");
  writeFileSync(join(folder, "cine.dcm"), madeCine(greys.slice(0, 41), 16));
});

const images = () => imageFolder(folder, files);
const worker = (from: BulkImages = images(), encoder = toyEncoder("cpu")) =>
  shardWorker({
    ...{ core, encoder, model: { spec: TOY_SPEC, name: "toy", digest: "sha256:00" } },
    ...{ embeddings: "raw", images: from, files, volumes: true, readAhead: { bytes: 100_000, atOnce: 2 } },
  });
const png = (i: number) => ({ uri: `${i}.png` });
const series = (from: number, to: number): BulkRow => {
  const slices = Array.from({ length: to - from }, (_, i) => png(from + i));
  return { uri: `${from}.png`, files: slices };
};
const pieces = async (rows: readonly BulkRow[], begun?: Uint8Array, from?: BulkImages) => {
  const found: { readonly rows: number; readonly bytes: Uint8Array }[] = [];
  for await (const piece of worker(from).embed(rows, begun === undefined ? {} : { begun })) found.push(piece);
  return found;
};
const done = (found: Awaited<ReturnType<typeof pieces>>) => found.filter(({ rows }) => rows > 0).map(({ bytes }) => readChunk(bytes, 4));

describe("volumes of a shard", () => {
  it("are the mean of their slices, under the digest of all of them", async () => {
    const [whole] = done(await pieces([series(0, 40)]));
    const mean = [0, 1, 2, 3].map((d) => greys.slice(0, 40).reduce((sum, grey) => sum + greyRow(grey)[d]!, 0) / 40);
    for (const [d, value] of mean.entries()) expect(whole!.rows[d]).toBeCloseTo(value, 5);
    const digests = await Promise.all(
      greys.slice(0, 40).map(async (grey) =>
        createHash("sha256")
          .update(await greyPng(grey))
          .digest("hex"),
      ),
    );
    const sha256 = createHash("sha256")
      .update(`series\n${digests.join("\n")}`)
      .digest("hex");
    expect(whole!.outcomes).toEqual([{ sha256, volume: { slices: 40 } }]);
  });

  it("give the same bytes gone on from wherever a worker ended, in a series, in a file and behind a row", async () => {
    const rows = [series(0, 50), { uri: "cine.dcm" }, { uri: "cine.dcm", files: [{ uri: "cine.dcm" }, png(50)] }, png(51)];
    const whole = await pieces(rows);
    expect(whole.filter(({ rows: some }) => some === 0).length).toBeGreaterThan(5);
    expect(done(whole).map(({ outcomes }) => outcomes[0]!.volume?.slices)).toEqual([50, 41, 42, 1]);
    for (const [i, { rows: some, bytes }] of whole.entries()) {
      const before = whole.slice(0, i + 1).reduce((sum, piece) => sum + piece.rows, 0);
      const rest = await pieces(rows.slice(before), some === 0 ? bytes : undefined);
      expect(rest.map(({ bytes: each }) => Buffer.from(each).toString("base64"))).toEqual(
        whole.slice(i + 1).map(({ bytes: each }) => Buffer.from(each).toString("base64")),
      );
    }
  });

  it("begin anew where what is left of a worker tells nothing", async () => {
    const whole = await pieces([series(0, 20)]);
    for (const text of ["", "{}", "[]", '{"digests":[],"frames":[1],"done":1,"rows":[],"probabilities":[]}', "\xff"])
      expect(await pieces([series(0, 20)], Buffer.from(text, "latin1"))).toEqual(whole);
  });

  it("with a file that cannot be read, of another content than was promised, or that changed, have a code and move no other", async () => {
    const broken = (at: number, file: { readonly uri: string; readonly sha256?: string }): BulkRow => {
      const row = series(0, 30);
      return { ...row, files: row.files!.map((each, i) => (i === at ? file : each)) };
    };
    const rows = [
      broken(7, { uri: "bad.png" }),
      broken(0, { uri: "gone.png" }),
      broken(29, { uri: "3.png", sha256: "0".repeat(64) }),
      series(30, 40),
    ];
    const found = done(await pieces(rows));
    expect(found.map(({ outcomes }) => outcomes[0]!.code)).toEqual(["unsupported_format", "not_found", "digest_mismatch", undefined]);
    expect(found[3]).toEqual(done(await pieces([series(30, 40)]))[0]);
    expect(done(await pieces([{ uri: "bad.png" }]))[0]!.outcomes[0]!.sha256).toMatch(/^[0-9a-f]{64}$/);
    const [first] = await pieces([{ uri: "cine.dcm" }]);
    writeFileSync(join(folder, "cine.dcm"), madeCine(greys.slice(0, 40), 16));
    expect(done(await pieces([{ uri: "cine.dcm" }], first!.bytes))[0]!.outcomes[0]!.code).toBe("file_changed");
  });

  it("with a slice of which the device makes no numbers have a code and move no other; not where it makes them of none", async () => {
    const given = async (greys: (grey: number) => boolean) => {
      const poisoned = toyEncoder("cpu", (grey) => {
        if (greys(grey)) throw new EncoderError("cpu", "bad_output", "toy — expected numbers, got NaN.");
      });
      const found: Awaited<ReturnType<typeof pieces>> = [];
      for await (const piece of worker(images(), poisoned).embed([series(0, 30), { uri: "cine.dcm" }, png(51)])) found.push(piece);
      return done(found);
    };
    const alone = greys.findIndex((grey, i) => i < 30 && !greys.slice(30, 41).includes(grey) && grey !== greys[51]);
    const [first, ...others] = await given((grey) => grey === greys[alone]);
    expect(first!.outcomes).toEqual([{ code: "bad_output" }]);
    // the cine has the same greys as the series; the picture behind it is answered as ever
    expect(others.map(({ outcomes: [outcome] }) => outcome!.code)).toEqual(["bad_output", undefined]);
    expect(others[0]!.outcomes[0]!.sha256).toHaveLength(64);
    expect(others[1]).toEqual(done(await pieces([png(51)]))[0]);
    await expect(given(() => true)).rejects.toMatchObject({ code: "bad_output" });
  });

  it("reject where the source fails, and say nothing of files that may not be read before one may", async () => {
    const good = images();
    const failing = (code: string): BulkImages => ({
      ...good,
      read: (file, ...rest) => (file.uri === "5.png" ? good.read(file, ...rest) : Promise.reject(new FilesError(code, "image — no."))),
    });
    await expect(pieces([series(0, 3), png(4)], undefined, failing("network"))).rejects.toMatchObject({ code: "source_unreadable" });
    await expect(pieces([series(0, 3), png(4)], undefined, failing("not_permitted"))).rejects.toMatchObject({ code: "source_unreadable" });
    const some = await pieces([series(0, 3), png(4), png(5), png(6)], undefined, failing("not_permitted"));
    expect(done(some).map(({ outcomes }) => outcomes[0]!.code)).toEqual(["not_permitted", "not_permitted", undefined, "not_permitted"]);
  });
});

describe("what a volume gave", () => {
  it("reads back as it was, to the last bit of each number", () => {
    const chunk = {
      outcomes: [
        { sha256: "ab", volume: { slices: 3, probabilities: [1 / 3, 2 / 3] } },
        { code: "not_found" },
        { sha256: "cd", volume: { slices: 1, probabilities: [0.1 + 0.2, 5e-324], entropies: [Math.PI] } },
        { sha256: "ef", volume: { slices: 2 } },
      ],
      rows: Float32Array.of(1, 2, 3, 4, 5, 6),
    };
    expect(readChunk(chunkBytes(chunk), 2)).toEqual(chunk);
  });
});

describe("the beginning of a file", () => {
  it("is as long as was asked for, or the whole of a smaller one", async () => {
    writeFileSync(join(folder, "plain"), "0123456789");
    const start = async (length: number) => Buffer.from(await images().start({ uri: "plain" }, length)).toString();
    expect([await start(4), await start(10), await start(99)]).toEqual(["0123", "0123456789", "0123456789"]);
    await expect(images().start({ uri: "none" }, 4)).rejects.toMatchObject({ code: "not_found" });
    await expect(images().start({ uri: "." }, 4)).rejects.toMatchObject({ code: "not_a_file" });
  });
});
