// Series of DICOM files on the command line: what is left out of them is named and counted; each is one example to learn from.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { golden, seeded } from "@biovlm/testkit";
import { beforeAll, describe, expect, it } from "vitest";
import { call } from "./call.js";
import { slice, written } from "./made-series.js";

const CLASSES = ["chest X-ray", "head CT"].flatMap((name) => ["--class", name]);
const LOCALISER = "ORIGINAL\\PRIMARY\\LOCALIZER";

interface Row {
  readonly file?: string;
  readonly predictions?: readonly { readonly class: string; readonly probability: number }[];
  readonly volume?: {
    readonly number: number;
    readonly slices: number;
    readonly slice?: number;
    readonly answered?: number;
    readonly files?: readonly string[];
    readonly notes?: readonly string[];
    readonly leftOut?: readonly { readonly file: string; readonly why: string }[];
  };
}

describe("classify --volumes on a folder of several series", () => {
  const place = written("several", {
    "a-scout/1.dcm": slice({ series: 1, instance: 1, z: 0, type: LOCALISER }),
    "a-scout/2.dcm": slice({ series: 1, instance: 2, z: 1, type: LOCALISER }),
    "b-single/1.dcm": slice({ series: 2, instance: 3, z: 0 }),
    "c-body/1.dcm": slice({ series: 3, instance: 4, z: 2 }),
    "c-body/2.dcm": slice({ series: 3, instance: 5, z: 1 }),
    "c-body/2-again.dcm": slice({ series: 3, instance: 5, z: 1 }),
    "c-body/scout.dcm": slice({ series: 3, instance: 6, z: 0, type: LOCALISER }),
  });

  it("answers or names every file once, and counts what is left out", async () => {
    const { code, out, err } = await call(["classify", ".", ...CLASSES, "--volumes", "--json", "--sr", "reports"], { cwd: place });
    expect([code, err]).toEqual([0, expect.stringContaining("left out of series: 3 localisers, 1 image that is there twice")]);
    const rows = JSON.parse(out) as Row[];
    const whole = rows.flatMap(({ file, volume }) => (file === undefined && volume !== undefined ? [volume] : []));
    expect(whole.map(({ number, slices, answered, notes, leftOut }) => ({ number, slices, answered, notes, leftOut }))).toEqual([
      { number: 2, slices: 1, answered: 1, notes: [], leftOut: [] },
      {
        number: 3,
        slices: 2,
        answered: 2,
        notes: ["1 localiser left out", "1 image that is there twice left out"],
        leftOut: [
          { file: "c-body/2.dcm", why: "there twice" },
          { file: "c-body/scout.dcm", why: "localiser" },
        ],
      },
      {
        number: 1,
        slices: 0,
        answered: 0,
        notes: ["2 localisers left out"],
        leftOut: [
          { file: "a-scout/1.dcm", why: "localiser" },
          { file: "a-scout/2.dcm", why: "localiser" },
        ],
      },
    ]);
    const answered = rows.flatMap(({ file, predictions }) => (file !== undefined && predictions !== undefined ? [file] : []));
    const leftOut = whole.flatMap((volume) => volume.leftOut?.map(({ file }) => file) ?? []);
    expect([...answered, ...leftOut].sort()).toEqual([
      "a-scout/1.dcm",
      "a-scout/2.dcm",
      "b-single/1.dcm",
      "c-body/1.dcm",
      "c-body/2-again.dcm",
      "c-body/2.dcm",
      "c-body/scout.dcm",
    ]);
    const text = await call(["classify", ".", ...CLASSES, "--volumes"], { cwd: place });
    expect(text.out).toContain("volume 1: a-scout/1.dcm to a-scout/2.dcm\n  no slice to answer\n  note: 2 localisers left out");
    expect(text.out).toContain("mean of 1 of 1 slice; surest: slice 1");
  });

  it("takes every frame of a file of several: one answer where it is the whole series, and a report of the file", async () => {
    const frames = written("frames", {
      "cine.dcm": slice({ series: 1, instance: 1, z: 0, frames: 3 }),
      "part-a.dcm": slice({ series: 2, instance: 2, z: 0, frames: 2, grey: 200 }),
      "part-b.dcm": slice({ series: 2, instance: 3, z: 1, grey: 40 }),
    });
    const words = ["classify", ".", ...CLASSES, "--volumes", "--json", "--sr", "reports"];
    const { code, out, err } = await call(words, { cwd: frames });
    expect(code, err).toBe(0);
    const rows = JSON.parse(out) as (Row & { readonly frames?: object; readonly report?: { readonly file?: string } })[];
    const told = rows.map(({ file, volume, frames, report }) => [
      file,
      [volume?.number, volume?.slice, volume?.slices, volume?.answered],
      frames !== undefined,
      report?.file !== undefined,
    ]);
    expect(told).toEqual([
      ...[1, 2, 3].map((at) => ["cine.dcm", [1, at, 3, undefined], false, false]),
      ["cine.dcm", [1, undefined, 3, 3], true, true],
      ...[1, 2].map((at) => ["part-a.dcm", [2, at, 3, undefined], false, false]),
      ["part-a.dcm", [undefined, undefined, undefined, undefined], true, true],
      ["part-b.dcm", [2, 3, 3, undefined], false, true],
      [undefined, [2, undefined, 3, 3], false, false],
    ]);
    const of = ({ predictions }: Row = {}) => predictions?.find((p) => p.class === "head CT")?.probability ?? Number.NaN;
    const mean = (some: readonly Row[]) => some.reduce((sum, row) => sum + of(row), 0) / some.length;
    expect(of(rows[3])).toBeCloseTo(mean(rows.slice(0, 3)), 12);
    expect(of(rows[8])).toBeCloseTo(mean([...rows.slice(4, 6), ...rows.slice(7, 8)]), 12);
  });

  it("ends with a word, not with nothing, where there are localisers alone", async () => {
    const { code, out, err } = await call(["classify", "a-scout", ...CLASSES, "--volumes", "--json"], { cwd: place });
    expect([code, out]).toEqual([3, ""]);
    expect(err).toMatch(/no slice to answer — left out of series: 2 localisers[\s\S]*Leave out --volumes/);
  });
});

/** Two classes of eight patients with two series of three slices each; files are named by chance. A localiser and a double in the first. */
function studies(patients = 16): string {
  const files: Record<string, Uint8Array> = {};
  const { below } = seeded(5);
  let instance = 0;
  for (let patient = 0; patient < patients; patient++) {
    const label = patient % 2 === 0 ? "dark" : "bright";
    for (let one = 0; one < 2; one++) {
      const series = 100 + patient * 2 + one;
      for (let z = 0; z < 3; z++) {
        const base = label === "dark" ? 10 : 150;
        const pixels = Uint8Array.from({ length: 256 }, (_, i) => base + ((i * (z + 1) + patient) % 80));
        const bytes = slice({ series, instance: instance++, z, pixels, patient: `PATIENT-${patient}` });
        files[`${label}/s${series}/IM${below(1_000_000)}`] = bytes;
        if (series === 100 && z === 1) files[`${label}/s${series}/again`] = bytes;
      }
    }
  }
  const scout = { series: 100, instance: 9000, z: 9, patient: "PATIENT-0", type: LOCALISER };
  files["dark/s100/scout"] = slice(scout);
  return written("studies", files);
}

const OPTIONS = ["--device", "wasm", "--cache", "off", "--volumes"];

describe("series as examples", () => {
  let place = "";
  beforeAll(async () => {
    place = studies();
    const { code, err, out } = await call(
      ["train", ".", "--shots", "2", "--set", "epochs=1", "--out", "b.safetensors", "--json", ...OPTIONS],
      { cwd: place },
    );
    expect(code, err).toBe(0);
    expect(err).toContain("32 series of 96 slices, each one example");
    expect(err).toContain("left out of series: 1 localiser, 1 image that is there twice");
    expect(JSON.parse(out)).toMatchObject({ images: 4, volumes: true, classes: ["bright", "dark"] });
    expect(`${out}${err}`).not.toMatch(/PATIENT-|2\.25\./);
  }, 60_000);

  it("are counted as shots and as class counts, one of a patient, and the bank's card says so", async () => {
    const card = JSON.parse((await call(["bank", "show", "b.safetensors", "--json"], { cwd: place })).out) as {
      readonly options: object;
      readonly class_counts: readonly number[];
    };
    expect(card.options).toMatchObject({ volumes: true, images: 4 });
    // 70 of a hundred of eight patients, two series each
    expect(card.class_counts).toEqual([10, 10]);
    expect(readFileSync(join(place, "b.safetensors"), "latin1")).not.toMatch(/PATIENT-|2\.25\./);
    const one = await call(["classify", "bright/s102", "--bank", "b.safetensors"], { cwd: place });
    expect(one.err).toContain("learned on whole series: --volumes");
  });

  it("are measured as classify --volumes answers them, a row each, patients on one side", async () => {
    const files = ["--predictions", "rows.csv", "--split-list", "split.csv"];
    const { code, err, out } = await call(["eval", ".", "--bank", "b.safetensors", "--json", ...files, ...OPTIONS], { cwd: place });
    expect(code, err).toBe(0);
    const rows = readFileSync(join(place, "rows.csv"), "utf8")
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.split(","));
    expect(JSON.parse(out)).toMatchObject({ images: rows.length, volumes: true });
    expect(rows.length).toBeGreaterThanOrEqual(4);
    for (const [file = "", , , bright, dark] of [rows[0] ?? [], rows.at(-1) ?? []]) {
      const answer = await call(["classify", dirname(file), "--bank", "b.safetensors", "--volumes", "--json"], { cwd: place });
      const whole = (JSON.parse(answer.out) as Row[]).find((row) => row.file === undefined);
      const of = (name: string) => whole?.predictions?.find((p) => p.class === name)?.probability;
      expect([Number(bright), Number(dark)].map((p) => p.toFixed(4))).toEqual([of("bright")?.toFixed(4), of("dark")?.toFixed(4)]);
    }
    const sides = new Map<string, Set<string>>();
    const listed = readFileSync(join(place, "split.csv"), "utf8").trim().split("\n").slice(1);
    expect(listed).toHaveLength(96);
    for (const line of listed) {
      const series = Number(/s(\d+)\//.exec(line)?.[1]);
      const patient = String(Math.floor((series - 100) / 2));
      sides.set(patient, (sides.get(patient) ?? new Set()).add(/,(train|val|test)\b/.exec(line)?.[1] ?? ""));
    }
    expect([...sides.values()].map(({ size }) => size)).toEqual(Array.from({ length: 16 }, () => 1));
  }, 60_000);

  it("with two labels, and a frame of a volume, are refused; an unreadable slice is named or left out", async () => {
    const twice = written("labels", {
      "a/1.dcm": slice({ series: 1, instance: 1, z: 1 }),
      "b/2.dcm": slice({ series: 1, instance: 2, z: 2 }),
      "b/3.dcm": slice({ series: 2, instance: 3, z: 2 }),
    });
    const refused = await call(["train", ".", "--out", "b.safetensors", ...OPTIONS], { cwd: twice });
    expect([refused.code, refused.err]).toEqual([1, expect.stringMatching(/expected one label and one side.*got two labels/)]);
    const frame = await call(["train", ".", "--frame", "2", "--out", "b.safetensors", ...OPTIONS], { cwd: place });
    expect([frame.code, frame.err]).toEqual([2, expect.stringContaining("got --frame 2")]);
    const broken = studies(4);
    const cut = slice({ series: 100, instance: 9100, z: 1.5, patient: "PATIENT-0" });
    writeFileSync(join(broken, "dark/s100/cut"), cut.subarray(0, cut.length - 100));
    const all = ["train", ".", "--all", "--set", "epochs=1", "--out", "b.safetensors", ...OPTIONS];
    const named = await call(all, { cwd: broken });
    expect([named.code, named.err]).toEqual([1, expect.stringMatching(/dark\/s100\/cut: error\[corrupt_image\][\s\S]*got 1 that/)]);
    const skipped = await call([...all, "--skip-unreadable", "--json"], { cwd: broken });
    expect(skipped.code, skipped.err).toBe(0);
    expect(JSON.parse(skipped.out)).toMatchObject({ images: 8 });
  }, 60_000);

  it("are what data lint compares, and what sweep learns from and measures as eval does", async () => {
    const lint = await call(["data", "lint", ".", "--volumes", "--json", "--cache", "off"], { cwd: place });
    expect([lint.code, lint.err]).toEqual([0, expect.stringContaining("32 series of 96 slices, each one example")]);
    expect(JSON.parse(lint.out)).toMatchObject({ images: 32, volumes: true });
    const single = await call(["data", "lint", ".", "--json", "--cache", "off"], { cwd: place });
    expect(JSON.parse(single.out)).toMatchObject({ images: 98 });
    const words = ["sweep", ".", "--method", "attribute-bank", "--shots", "1", "--seeds", "1", "--out", "sw", "--json", "--twins", "off"];
    const cellsOf = async (...more: string[]) => {
      const { code, out, err } = await call([...words, "--device", "wasm", "--cache", "off", ...more], { cwd: place });
      expect(code, err).toBe(0);
      return JSON.parse(out) as { readonly volumes?: true; readonly cells: readonly { readonly test: object }[] };
    };
    const swept = await cellsOf("--volumes");
    const measured = await call(["eval", ".", "--json", "--twins", "off", ...OPTIONS], { cwd: place });
    const { accuracy, auc } = JSON.parse(measured.out) as { readonly accuracy: number; readonly auc: number };
    expect(swept).toMatchObject({ volumes: true, cells: [{ test: { accuracy, auc } }] });
    // the cells of slices are others, though they lie in the same folder
    expect((await cellsOf()).volumes).toBeUndefined();
    expect(readdirSync(join(place, "sw", "cells"))).toHaveLength(2);
  }, 60_000);

  it("are volume files, too: all of their slices are the example", async () => {
    const { rows } = JSON.parse(readFileSync(golden("volumes.json"), "utf8")) as { rows: { name: string; bytes: string }[] };
    const volume = (name: string) => Buffer.from(rows.find((row) => row.name === name)?.bytes ?? "", "base64");
    const names = ["nifti int16 little 0", "nifti int16 little 2", "nrrd float32 big left-posterior-superior", "nifti uint8 little 2"];
    const set = written("volumes", {
      ...Object.fromEntries(names.slice(0, 2).map((name, i) => [`a/${i}.nii`, volume(name)])),
      "b/0.nrrd": volume(names[2] ?? ""),
      "b/1.nii": volume(names[3] ?? ""),
    });
    const list = "image,label,split\na/0.nii,a,train\na/1.nii,a,test\nb/0.nrrd,b,train\nb/1.nii,b,test\n";
    writeFileSync(join(set, "list.csv"), list);
    const trained = await call(["train", "list.csv", "--set", "epochs=1", "--out", "v.safetensors", ...OPTIONS], { cwd: set });
    expect(trained.code, trained.err).toBe(0);
    const measured = await call(["eval", "list.csv", "--bank", "v.safetensors", "--predictions", "rows.csv", ...OPTIONS], { cwd: set });
    expect(measured.code, measured.err).toBe(0);
    const answer = await call(["classify", "a/1.nii", "--bank", "v.safetensors", "--volumes", "--json"], { cwd: set });
    const file = (JSON.parse(answer.out) as Row[]).at(-1);
    const p = file?.predictions?.find((one) => one.class === "a")?.probability ?? Number.NaN;
    const row = readFileSync(join(set, "rows.csv"), "utf8").split("\n")[1]?.split(",") ?? [];
    expect([row[0], Number(row[3]).toFixed(4)]).toEqual(["a/1.nii", p.toFixed(4)]);
  }, 60_000);
});

describe("embed --volumes", () => {
  it("writes a row a series, the mean of its slices' rows, and takes it from the output the next time", async () => {
    const place = written("embedded", {
      "s1/b.dcm": slice({ series: 1, instance: 1, z: 2, grey: 20 }),
      "s1/a.dcm": slice({ series: 1, instance: 2, z: 1, pixels: Uint8Array.from({ length: 256 }, (_, i) => i) }),
      "s1/again.dcm": slice({ series: 1, instance: 2, z: 1, pixels: Uint8Array.from({ length: 256 }, (_, i) => i) }),
      "s2/c.dcm": slice({ series: 2, instance: 3, z: 1, pixels: Uint8Array.from({ length: 256 }, (_, i) => 255 - i) }),
      "s3/scout.dcm": slice({ series: 3, instance: 4, z: 1, type: LOCALISER }),
    });
    const embed = async (out: string, ...words: string[]) => {
      const { code, out: said, err } = await call(["embed", ...words, "--out", out, "--json", "--device", "wasm"], { cwd: place });
      expect(code, err).toBe(0);
      const bytes = readFileSync(join(place, out));
      const rows = JSON.parse(said) as { rows: number; embedded: number; leftOut: object };
      const data = new Float32Array(Uint8Array.from(bytes.subarray(10 + bytes.readUInt16LE(8))).buffer);
      return { ...rows, err, D: data.length / rows.rows, data };
    };
    const series = await embed("series.npy", ".", "--volumes");
    expect(series).toMatchObject({ rows: 2, embedded: 2 });
    expect(series.leftOut).toEqual([
      { file: "s1/again.dcm", why: "there twice" },
      { file: "s3/scout.dcm", why: "localiser" },
    ]);
    expect(series.err).toContain("left out of series: 1 localiser, 1 image that is there twice");
    const list = readFileSync(join(place, "series.npy.rows.jsonl"), "utf8").trim().split("\n").slice(1);
    expect(list.map((line) => (JSON.parse(line) as { file: string }).file)).toEqual(["s1/a.dcm", "s2/c.dcm"]);
    const slices = await embed("slices.npy", "s1/a.dcm", "s1/b.dcm", "s2/c.dcm");
    const { D, data } = slices;
    const sums = Array.from({ length: D }, (_, d) => (data[d] ?? 0) + (data[D + d] ?? 0));
    const norm = Math.hypot(...sums);
    for (const [d, sum] of sums.entries()) expect(series.data[d]).toBeCloseTo(sum / norm, 5);
    for (let d = 0; d < D; d++) expect(series.data[D + d]).toBeCloseTo(data[2 * D + d] ?? 0, 5);
    expect(await embed("series.npy", ".", "--volumes")).toMatchObject({ rows: 2, embedded: 0 });
  }, 60_000);
});
