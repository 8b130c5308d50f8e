// `biovlm bulk … --volumes`: a row a series and a row a file of several frames, with the numbers that embed and classify give.

import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { openSafetensors } from "@biovlm/model/backbone";
import { seeded, startS3Server, withoutProgram } from "@biovlm/testkit";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { describe, expect, it } from "vitest";
import { call, folder, writePhantoms } from "./call.js";
import { detached, writePairs } from "./made-pairs.js";
import { slice, written } from "./made-series.js";
import { compile, start } from "./program.js";

const LOCALISER = "ORIGINAL\\PRIMARY\\LOCALIZER";
const { below } = seeded(31);
const pixels = () => Uint8Array.from({ length: 256 }, () => below(256));
const many = (series: number, first: number, count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [
      `${series}/${String((i * 7) % count).padStart(3, "0")}.dcm`,
      slice({ series, instance: first + i, z: i, pixels: pixels() }),
    ]),
  );

/** Series 3 lies upside down by its names, misses a slice, and has a localiser and a slice twice; 4 is a localiser; 5 one slice; 6 a cine. */
const place = written("volumes", {
  "c/1.dcm": slice({ series: 3, instance: 10, z: 9, pixels: pixels() }),
  "c/2.dcm": slice({ series: 3, instance: 11, z: 2, pixels: pixels() }),
  "c/3.dcm": slice({ series: 3, instance: 12, z: 1, pixels: pixels() }),
  "c/4.dcm": slice({ series: 3, instance: 13, z: 0, pixels: pixels() }),
  "c/5-again.dcm": slice({ series: 3, instance: 13, z: 0 }),
  "c/scout.dcm": slice({ series: 3, instance: 14, z: 0, type: LOCALISER }),
  "a/scout.dcm": slice({ series: 4, instance: 20, z: 0, type: LOCALISER }),
  "d/alone.dcm": slice({ series: 5, instance: 30, z: 0, pixels: pixels() }),
  "e/cine.dcm": slice({ series: 6, instance: 40, z: 0, pixels: pixels(), frames: 11 }),
  "f/part-2.dcm": slice({ series: 7, instance: 51, z: 5, pixels: pixels(), frames: 3 }),
  "f/part-1.dcm": slice({ series: 7, instance: 50, z: 1, pixels: pixels(), frames: 2 }),
});
mkdirSync(join(place, "g"));
const [picture] = writePhantoms(join(place, "g"), 1);
const others = readdirSync(join(place, "g")).map((name) => `g/${name}`);

const json = async (words: readonly string[], env: Record<string, string> = {}) => {
  const { code, out, err } = await call(["bulk", ...words, "--json"], { env });
  return { code, err, ...(out === "" ? {} : (JSON.parse(out) as Record<string, unknown>)) } as Record<string, unknown> & { code: number };
};
const WORDS = ["--volumes", "--device", "cpu", "--batch", "4"];
const CLASSES = ["--class", "chest X-ray", "--class", "head CT"];
const planned = async (source: string, ...words: string[]) => {
  const store = folder("volumes-store");
  const { code, err } = await json(["plan", source, store, ...WORDS, ...words]);
  expect([code, code === 0 ? "" : err]).toEqual([0, ""]);
  return store;
};
interface Row {
  readonly uri: string;
  readonly files?: readonly { readonly uri: string }[];
}
const planOf = (store: string) =>
  readdirSync(join(store, "plan"))
    .sort()
    .flatMap((name) =>
      gunzipSync(readFileSync(join(store, "plan", name)))
        .toString()
        .trimEnd()
        .split("\n"),
    )
    .map((line) => JSON.parse(line) as Row);
const namesOf = (store: string) => planOf(store).map(({ uri, files }) => files?.map((file) => file.uri) ?? uri);
const part = (store: string, ending: string, shard = "00000") => {
  const name = readdirSync(join(store, "parts")).find((each) => each.startsWith(shard) && each.endsWith(ending));
  return new Uint8Array(readFileSync(join(store, "parts", name!)));
};
const parts = (store: string) =>
  Object.fromEntries(readdirSync(join(store, "parts")).map((name) => [name, readFileSync(join(store, "parts", name)).toString("base64")]));
const table = async (store: string) =>
  (await parquetReadObjects({ file: part(store, ".parquet").buffer as ArrayBuffer })) as {
    readonly uri: string;
    readonly sha256: string | null;
    readonly error: string | null;
    readonly slices: number | null;
    readonly prediction: string;
    readonly probabilities: number[];
    readonly entropies: number[] | null;
  }[];

describe("bulk plan --volumes", () => {
  it("makes a row of a series in anatomical order, and says what it left out and found", async () => {
    const store = folder();
    const { code, out, err } = await call(["bulk", "plan", place, store, ...WORDS]);
    expect([code, out]).toEqual([0, expect.stringContaining(`${4 + others.length} rows in 1 shard`)]);
    expect(err).toContain("4 series of 8 files");
    expect(err).toContain("left out of series: 2 localisers, 1 image that is there twice");
    expect(err).toContain("1 series of localisers alone: no row");
    expect(err).toContain("1 series with a gap between slices");
    expect(namesOf(store)).toEqual([
      ["c/4.dcm", "c/3.dcm", "c/2.dcm", "c/1.dcm"],
      "d/alone.dcm",
      "e/cine.dcm",
      ["f/part-1.dcm", "f/part-2.dcm"],
      ...others,
    ]);
    expect(await json(["plan", place, store, ...WORDS])).toMatchObject({
      ...{ code: 0, planned: false, rows: 4 + others.length },
      volumes: { series: 4, slices: 8, localisers: 2, doubles: 1, empty: 1, gaps: 1, same: 0, byNumber: 0 },
    });
  });

  it("groups a list's files alike, in the list's order, and keeps what it says of each", async () => {
    const list = join(folder(), "list.csv");
    const digest = "0".repeat(64);
    writeFileSync(list, `path,sha256\nd/alone.dcm,\nc/2.dcm,${digest}\ngone.dcm,\nc/1.dcm,\n`);
    const store = await planned(list, "--root", place);
    expect(planOf(store)).toEqual([
      { uri: "d/alone.dcm" },
      { uri: "c/2.dcm", files: [{ uri: "c/2.dcm", sha256: digest }, { uri: "c/1.dcm" }] },
      { uri: "gone.dcm" },
    ]);
    expect(await json(["work", store, "--all"])).toMatchObject({ code: 0, committed: 1 });
    expect((await table(store)).map(({ error, slices }) => [error, slices])).toEqual([
      [null, 1],
      ["digest_mismatch", null],
      ["not_found", null],
    ]);
  });

  it("keeps no UID anywhere, and cuts shards by files, but no series", async () => {
    const store = await planned(place, "--shard-rows", "3");
    const job = JSON.parse(readFileSync(join(store, "job.json"), "utf8")) as { readonly shards: readonly { readonly rows: number }[] };
    expect(job.shards[0]).toMatchObject({ rows: 1 });
    const all = readdirSync(store, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    for (const entry of all) {
      const bytes = readFileSync(join(entry.parentPath, entry.name));
      expect((entry.name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("latin1")).not.toMatch(/2\.25\./);
    }
  });

  it.each([
    [["--frame", "2"], /--volumes.*--frame/s],
    [["--frame", "all"], /--volumes.*--frame/s],
  ])("refuses %j", async (words, why) => {
    expect(await call(["bulk", "plan", place, folder(), ...WORDS, ...words])).toMatchObject({ code: 2, err: expect.stringMatching(why) });
  });

  it("fails where the place of a list's images is not there", async () => {
    const list = join(folder(), "list.csv");
    writeFileSync(list, "path\na.dcm\n");
    const answer = await call(["bulk", "plan", list, folder(), ...WORDS, "--root", join(folder(), "none")]);
    expect(answer).toMatchObject({ code: 1, err: expect.stringContaining("source_unreadable") });
  });
});

describe("bulk work on volumes", () => {
  it.each([[[]], [["--raw"]], [["--window", "40/400"]]])(
    "gives the rows of embed --volumes %j, bit for bit, under its digests",
    async (words) => {
      const store = await planned(place, ...words);
      expect(await json(["work", store, "--all"])).toMatchObject({ code: 0, committed: 1 });
      const out = join(folder(), "rows.safetensors");
      const told = await call(["embed", place, "--volumes", "--out", out, "--device", "cpu", "--batch", "4", "--json", ...words]);
      expect(told.code).toBe(0);
      const alone = openSafetensors(new Uint8Array(readFileSync(out)));
      const bulk = openSafetensors(part(store, ".safetensors"));
      const rowsOf = ({ tensors }: typeof alone) => {
        const values = new Float32Array(tensors.get("embeddings")!.bytes().slice().buffer);
        const digests = Buffer.from(tensors.get("sha256")!.bytes());
        return Object.fromEntries(
          Array.from({ length: digests.length / 32 }, (_, i) => [
            digests.toString("hex", i * 32, (i + 1) * 32),
            [...values.subarray(i * 128, (i + 1) * 128)],
          ]),
        );
      };
      expect(Object.keys(rowsOf(alone))).toHaveLength(4 + others.length);
      expect(rowsOf(bulk)).toEqual(rowsOf(alone));
      expect(bulk.metadata).toMatchObject({ rows: "mean of slices" });
    },
  );

  it("gives the answers of classify --volumes, with the number of slices", async () => {
    const store = await planned(place, ...CLASSES);
    await json(["work", store, "--all"]);
    const { out } = await call([
      "classify",
      place,
      "--volumes",
      ...CLASSES,
      "--json",
      "--device",
      "cpu",
      "--batch",
      "4",
      "--deterministic",
    ]);
    const whole = (
      JSON.parse(out) as { volume?: { answered?: number; files: string[] }; predictions?: { class: string; probability: number }[] }[]
    )
      .filter(({ volume }) => (volume?.answered ?? 0) > 0)
      .map(({ volume, predictions }) => ({ ...volume!, predictions: predictions! }));
    const rows = await table(store);
    const facts = parquetMetadata(part(store, ".parquet").buffer as ArrayBuffer).key_value_metadata ?? [];
    const classes = JSON.parse(facts.find(({ key }) => key === "classes")!.value!) as string[];
    expect(rows.map(({ slices }) => slices)).toEqual([4, 1, 11, 5, ...others.map(() => 1)]);
    expect(whole).toHaveLength(4);
    for (const { files, answered, predictions } of whole) {
      const row = rows.find(({ uri }) => files[0]!.endsWith(uri))!;
      expect(row.slices).toBe(answered);
      expect(row.prediction).toBe(predictions[0]!.class);
      // classify's batches go on over the ends of series; the parts keep float32
      for (const { class: name, probability } of predictions) expect(row.probabilities[classes.indexOf(name)]).toBeCloseTo(probability, 6);
    }
    expect(rows.filter(({ entropies }) => (entropies ?? []).length > 0).map(({ slices }) => slices)).toEqual([1, ...others.map(() => 1)]);
  });

  it("gives a row with a code of a series with a slice that cannot be read, and all others", async () => {
    const broken = folder("broken");
    cpSync(place, broken, { recursive: true });
    const bytes = readFileSync(join(broken, "c/2.dcm"));
    // its pixels break off; its header says as before where it stands
    writeFileSync(join(broken, "c/2.dcm"), bytes.subarray(0, bytes.length - 100));
    const [store, whole] = [await planned(broken), await planned(place)];
    for (const each of [store, whole]) await json(["work", each, "--all"]);
    const [rows, all] = [await table(store), await table(whole)];
    expect(rows[0]).toMatchObject({ uri: "c/4.dcm", error: "corrupt_image", sha256: null, slices: null });
    expect(rows.slice(1)).toEqual(all.slice(1));
    expect(await json(["verify", store])).toMatchObject({ code: 0, faults: [] });
    expect(await json(["merge", store])).toMatchObject({ code: 0, rows: all.length - 1 });
  });

  it("reads volumes in two files as those in one, and says of a row that its voxels are missing or lie elsewhere", async () => {
    const pairs = folder("pairs");
    writePairs(pairs);
    const names = ["one.nii", "two.hdr", "x.nrrd", "y.nhdr"];
    for (const words of [["--volumes"], []]) {
      const store = folder("pairs-store");
      expect(await json(["plan", pairs, store, ...words, "--device", "cpu", ...CLASSES])).toMatchObject({ code: 0, rows: 4 });
      expect(await json(["work", store, "--all"])).toMatchObject({ code: 0, committed: 1 });
      const rows = await table(store);
      expect(rows.map(({ uri, error }) => [uri, error])).toEqual(names.map((name) => [name, null]));
      for (const [whole, header] of [
        [0, 1],
        [2, 3],
      ] as const)
        expect(rows[header]?.probabilities).toEqual(rows[whole]?.probabilities);
    }
    writeFileSync(join(pairs, "y.nhdr"), detached("../y.raw"));
    rmSync(join(pairs, "two.img"));
    const store = await planned(pairs);
    await json(["work", store, "--all"]);
    expect((await table(store)).map(({ error }) => error)).toEqual([null, "not_found", null, "bad_path"]);
  });

  it("gives the same bytes for one worker, and two at once", async () => {
    compile();
    const source = written("long", { ...many(1, 100, 40), ...many(2, 300, 30), ...many(3, 400, 5) });
    cpSync(picture!, join(source, "z.png"));
    const words = [...CLASSES, "--output", "both"];
    const [one, two] = [await planned(source, ...words), await planned(source, ...words)];
    await json(["work", one, "--all"]);
    const both = await Promise.all([1, 2].map(() => start(["bulk", "work", two, "--all"], source)));
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    await json(["gc", two]);
    expect(parts(two)).toEqual(parts(one));
    expect((await table(one)).map(({ slices }) => slices)).toEqual([40, 30, 5, 1]);
  });
});

describe.skipIf(withoutProgram("versitygw"))("series in a bucket", () => {
  it("are planned by the beginnings of their files, and a slice that was replaced since is said", async () => {
    const server = await startS3Server();
    try {
      const env = server.env();
      const { S3Client, s3Place } = await import("@biovlm/jobs/s3");
      const client = new S3Client(s3Place("s3://bucket/images", env));
      const put = (key: string, body: Uint8Array) => client.call({ method: "PUT", key, body });
      for (const name of readdirSync(place, { recursive: true }).map(String))
        if (/\.(dcm|png)$/.test(name)) await put(name.replaceAll("\\", "/"), readFileSync(join(place, name)));
      const store = folder();
      expect(await json(["plan", "s3://bucket/images", store, ...WORDS], env)).toMatchObject({ code: 0, rows: 4 + others.length });
      expect(namesOf(store)).toEqual(namesOf(await planned(place)));
      await put("c/2.dcm", slice({ series: 3, instance: 11, z: 2 }));
      expect(await json(["work", store, "--all"], env)).toMatchObject({ code: 0, committed: 1 });
      expect((await table(store)).map(({ error }) => error)).toEqual(["file_changed", null, null, null, ...others.map(() => null)]);
      const pairs = folder("pairs");
      writePairs(pairs);
      for (const name of readdirSync(pairs))
        await client.call({ method: "PUT", key: `pairs/${name}`, body: readFileSync(join(pairs, name)) });
      const two = folder();
      const said = await call(["bulk", "plan", "s3://bucket/images/pairs", two, ...WORDS, ...CLASSES], { env });
      expect([said.code, said.err]).toEqual([0, expect.stringMatching(/left out: 1 voxels of a header beside them, 1 not an image/)]);
      expect(await json(["work", two, "--all"], env)).toMatchObject({ code: 0, committed: 1 });
      const rows = await table(two);
      expect(rows.map(({ uri, error }) => [uri, error])).toEqual(["one.nii", "two.hdr", "x.nrrd", "y.nhdr"].map((name) => [name, null]));
      expect([rows[1]?.probabilities, rows[3]?.probabilities]).toEqual([rows[0]?.probabilities, rows[2]?.probabilities]);
    } finally {
      server.stop();
    }
  });
});
