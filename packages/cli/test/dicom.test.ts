// DICOM from the command line: a folder as an archive exports it, frames and windows by name, and nothing of a patient in what is printed.

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeImage } from "@biovlm/imaging/node";
import { dicomElement, dicomFile, golden, greyPng, madeCine, skipUnlessShared, ultrasoundFrame } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { call, folder, writePhantoms } from "./call.js";
import { slice } from "./made-series.js";

interface Element {
  readonly file: string;
  readonly sha256: string;
  readonly predictions: readonly { readonly class: string; readonly probability: number }[];
  readonly dicom?: {
    readonly frame: number;
    readonly frames: number;
    readonly window?: { readonly center: number; readonly width: number; readonly source: string };
  };
  readonly error?: { readonly code: string };
}

const CLASSES = ["chest X-ray", "head CT"].flatMap((name) => ["--class", name]);
const put = (name: string, place: string) => copyFileSync(golden(`dicom/${name}.dcm`), place);

/** What an archive exports: bare numbers, an index, files of other kinds. */
function exported(name: string): string {
  const place = folder(name);
  mkdirSync(join(place, "S1"));
  put("ct_signed_16_window", join(place, "S1", "IM000001"));
  put("frames_3_min_max", join(place, "S1", "1.2.840.10008.55"));
  put("rgb_rle", join(place, "S1", "c.dcm"));
  writeFileSync(join(place, "DICOMDIR"), "index");
  writeFileSync(join(place, "S1", "README"), "no picture");
  writeFileSync(join(place, "S1", "volume.mha"), "no picture");
  return place;
}
const classified = async (words: readonly string[], cwd: string) => {
  const { code, out, err } = await call(["classify", ...words, ...CLASSES, "--json"], { cwd });
  return { code, err, rows: out === "" ? [] : (JSON.parse(out) as Element[]) };
};

describe("classify on a TIFF of several pages", () => {
  const { rows: made } = JSON.parse(readFileSync(golden("tiff-pages.json"), "utf8")) as { rows: { bytes: string }[] };
  const place = folder("pages");
  writeFileSync(join(place, "pages.tif"), Buffer.from(made[0]?.bytes ?? "", "base64"));

  it("reads the middle page unless another is named, and says so", async () => {
    const middle = await classified(["pages.tif"], place);
    expect([middle.code, middle.rows[0]]).toEqual([0, expect.objectContaining({ page: { frame: 2, frames: 3 } })]);
    expect(middle.err).toContain("pages.tif: page 2 of 3");
    const { rows } = await classified(["pages.tif", "--frame", "1"], place);
    expect(rows[0]).toMatchObject({ page: { frame: 1, frames: 3 } });
    const none = await classified(["pages.tif", "--frame", "4"], place);
    expect(none.rows[0]?.error?.code).toBe("bad_option");
  });

  it("answers every page, and the file by their mean", async () => {
    const { code, rows } = await classified(["pages.tif", "--frame", "all"], place);
    expect([code, rows.length]).toEqual([0, 4]);
    expect(rows.slice(0, 3).map((row) => (row as { page?: { frame: number } }).page?.frame)).toEqual([1, 2, 3]);
    expect(rows[3]).toMatchObject({ file: "pages.tif", frames: { count: 3, answered: 3 } });
  });
});

describe("classify on DICOM", () => {
  it("takes what an archive exports, by content, and counts what it leaves out by kind", async () => {
    const { code, rows, err } = await classified(["."], exported("export"));
    expect(code).toBe(0);
    expect(rows.map(({ file }) => file)).toEqual(["S1/1.2.840.10008.55", "S1/IM000001", "S1/c.dcm"]);
    for (const reason of ["1 DICOM index", "1 MetaImage", "1 not an image"]) expect(err).toContain(reason);
    const [cine, ct, colour] = rows;
    expect(cine?.dicom).toMatchObject({ frame: 2, frames: 3, window: { source: "min-max" } });
    expect(ct?.dicom).toMatchObject({ frame: 1, frames: 1, window: { source: "file" } });
    expect(colour?.dicom?.window).toBeUndefined();
  });

  it("reads the frame and the window that are named, and says so", async () => {
    const place = exported("asked");
    const { rows } = await classified(["S1/IM000001", "S1/1.2.840.10008.55", "--frame", "1", "--window", "bone"], place);
    for (const { dicom } of rows) expect(dicom).toMatchObject({ frame: 1, window: { center: 400, width: 1800, source: "asked" } });
    const text = await call(["classify", "S1/1.2.840.10008.55", ...CLASSES, "--window", "40/80"], { cwd: place });
    expect(text.out).toContain("DICOM: OT, frame 2 of 3, window 40/80");
  });

  it("answers every frame, and the file by their mean, the surest named", async () => {
    const place = folder("cine");
    writeFileSync(join(place, "cine.dcm"), madeCine([5, 60, 120, 180, 250], 32));
    const { code, rows } = await classified(["cine.dcm", "--frame", "all"], place);
    expect(code).toBe(0);
    const [file, ...frames] = [rows.at(-1), ...rows.slice(0, -1)] as [Element & { frames: object }, ...Element[]];
    expect(frames.map(({ dicom }) => dicom?.frame)).toEqual([1, 2, 3, 4, 5]);
    const of = ({ predictions }: Element, name: string) => predictions.find((p) => p.class === name)?.probability ?? Number.NaN;
    for (const name of ["chest X-ray", "head CT"]) {
      expect(of(file, name)).toBeCloseTo(frames.reduce((sum, frame) => sum + of(frame, name), 0) / 5, 12);
    }
    const surest = frames.map(({ dicom, predictions }) => ({ frame: dicom?.frame, ...predictions[0] }));
    surest.sort((a, b) => (b.probability ?? 0) - (a.probability ?? 0) || (a.frame ?? 0) - (b.frame ?? 0));
    expect(file.frames).toEqual({ count: 5, answered: 5, surest: surest.slice(0, 3) });
    expect(file.sha256).toBe(frames[0]?.sha256);
    const text = await call(["classify", "cine.dcm", ...CLASSES, "--frame", "every=2"], { cwd: place });
    expect(text.out).toContain("mean of 3 of 5 frames; surest: frame ");
    expect(text.out).toContain("cine.dcm frame 5 of 5");
    const single = await classified(["cine.dcm", "--frame", "3"], place);
    expect(single.rows[0]?.predictions).toEqual(frames[2]?.predictions);
    const learned = await call(["embed", "cine.dcm", "--out", "e.safetensors", "--frame", "all"], { cwd: place });
    expect([learned.code, learned.err]).toEqual([2, expect.stringContaining("classify alone takes all")]);
  });

  it("answers slices of a series in order, then the volume by their mean", async () => {
    const place = folder("volume");
    for (const [name, z] of Object.entries({ a: 3, b: 1, c: 2, d: 6 }))
      writeFileSync(join(place, `${name}.dcm`), slice({ series: 777, instance: z, z, grey: z * 40 }));
    writePhantoms(place, 1);
    const { code, rows } = await classified([".", "--volumes"], place);
    expect(code).toBe(0);
    interface Row extends Element {
      readonly volume?: { readonly number: number; readonly slice?: number; readonly surest?: object[] };
    }
    const slices = (rows as Row[]).slice(0, 4);
    expect(slices.map(({ file, volume }) => [file, volume?.slice])).toEqual([
      ["b.dcm", 1],
      ["c.dcm", 2],
      ["a.dcm", 3],
      ["d.dcm", 4],
    ]);
    const whole = rows[4] as Row;
    expect(whole.volume).toMatchObject({ slices: 4, answered: 4, files: ["b.dcm", "d.dcm"], notes: ["a gap after slice 3"] });
    const of = ({ predictions }: Element) => predictions.find((p) => p.class === "head CT")?.probability ?? Number.NaN;
    expect(of(whole)).toBeCloseTo(slices.reduce((sum, row) => sum + of(row), 0) / 4, 12);
    for (const row of (rows as Row[]).slice(5)) expect(row.volume).toBeUndefined();
    expect(rows.length).toBeGreaterThan(5);
    const text = await call(["classify", ".", ...CLASSES, "--volumes"], { cwd: place });
    expect(text.out).toContain("volume 1: b.dcm to d.dcm");
    expect(text.out).toMatch(/mean of 4 of 4 slices; surest: slice \d/);
    expect(`${text.out}${text.err}`).not.toContain("2.25.");
    const both = await call(["classify", ".", ...CLASSES, "--volumes", "--frame", "all"], { cwd: place });
    expect(both.code).toBe(2);
  });

  it("refuses a window and a frame that are none, with what there is", async () => {
    const place = exported("refused");
    const window = await call(["classify", "S1/IM000001", ...CLASSES, "--window", "lungs"], { cwd: place });
    expect(window.code).toBe(2);
    expect(window.err).toContain("mediastinum");
    const frame = await call(["classify", "S1/IM000001", ...CLASSES, "--frame", "0"], { cwd: place });
    expect([frame.code, frame.err]).toEqual([2, expect.stringContaining("middle or a number from 1")]);
    const beyond = await classified(["S1/1.2.840.10008.55", "--frame", "4"], place);
    expect(beyond.rows[0]?.error?.code).toBe("bad_option");
  });

  it("prints nothing of a patient", async () => {
    const place = exported("canary");
    const { out, err } = await call(["classify", ".", ...CLASSES, "--json", "--explain"], { cwd: place });
    expect(`${out}${err}`).not.toMatch(/SYNTHETIC|PHANTOM|2\.25\.4242/);
  });
});

describe("embed and train on DICOM", () => {
  it("rows of another window are not taken for these", async () => {
    const place = exported("embedded");
    const embed = (words: readonly string[]) =>
      call(["embed", "S1/IM000001", "--out", "e.safetensors", "--json", ...words], { cwd: place });
    const first = await embed([]);
    expect(first.code, first.err).toBe(0);
    const again = await embed([]);
    const windowed = await embed(["--window", "lung"]);
    expect(JSON.parse(first.out)).toMatchObject({ embedded: 1 });
    expect(JSON.parse(again.out)).toMatchObject({ embedded: 0, reused: 1 });
    expect(JSON.parse(windowed.out)).toMatchObject({ embedded: 1 });
  });

  it("a folder of DICOM by class is learned from, in the window that is named", async () => {
    const place = folder("learned");
    const names = {
      dark: ["ct_signed_16_window", "window_linear", "window_sigmoid", "window_two"],
      bright: ["mono1_window", "slope_negative", "voi_lut_16", "constant"],
    };
    for (const [label, files] of Object.entries(names)) {
      mkdirSync(join(place, "set", label), { recursive: true });
      for (const name of files) put(name, join(place, "set", label, name));
    }
    const train = (out: string, words: readonly string[]) =>
      call(["train", "./set", "--shots", "2", "--set", "epochs=1", "--out", out, "--device", "wasm", "--cache", "off", ...words], {
        cwd: place,
      });
    const plain = await train("a.safetensors", []);
    expect(plain.code, plain.err).toBe(0);
    const windowed = await train("b.safetensors", ["--window", "lung"]);
    expect(windowed.code, windowed.err).toBe(0);
    const shown = JSON.parse((await call(["bank", "show", "b.safetensors", "--json"], { cwd: place })).out) as { options: object };
    expect(shown.options).toMatchObject({ window: "lung" });
    // the bank's window is the images' window, under whatever name
    const image = "set/dark/window_two";
    const classify = (...words: string[]) => call(["classify", image, "--json", ...words], { cwd: place });
    for (const words of [
      ["--window", "lung"],
      ["--window", "-600/1500"],
    ])
      expect((await classify("--bank", "b.safetensors", ...words)).code).toBe(0);
    for (const words of [[], ["--window", "bone"]]) {
      const refused = await classify("--bank", "b.safetensors", ...words);
      expect([refused.code, refused.err]).toEqual([
        2,
        expect.stringMatching(/shown_otherwise.*learned with, lung, got (file|bone)\n.*Give --window lung/),
      ]);
    }
    const measured = await call(["eval", "./set", "--bank", "b.safetensors", "--device", "wasm", "--cache", "off"], { cwd: place });
    expect([measured.code, measured.err]).toEqual([2, expect.stringContaining("Give --window lung")]);
    const unsaid = await classify("--bank", "a.safetensors", "--window", "lung");
    expect([unsaid.code, unsaid.err]).toEqual([0, expect.stringContaining("learned without --window")]);
  });
});

describe("the region of ultrasound", () => {
  it("is what is learned from and answered, kept in the bank, and refused where a file names none", async () => {
    const place = folder("region");
    for (let i = 0; i < 16; i++) {
      const label = i % 2 === 0 ? "left" : "right";
      mkdirSync(join(place, "set", label), { recursive: true });
      const at = (i % 2 === 0 ? 0 : 30) + (i >> 1);
      writeFileSync(join(place, "set", label, `${i}.dcm`), ultrasoundFrame(64, 32, [at, 0, at + 20, 31]));
    }
    const image = "set/left/0.dcm";
    const options = ["--device", "wasm", "--cache", "off"];
    const train = ["train", "./set", "--shots", "2", "--set", "epochs=1", "--out", "b.safetensors", "--ultrasound-region", ...options];
    const trained = await call(train, { cwd: place });
    expect(trained.code, trained.err).toBe(0);
    const shown = JSON.parse((await call(["bank", "show", "b.safetensors", "--json"], { cwd: place })).out) as { options: object };
    expect(shown.options).toMatchObject({ ultrasoundRegion: true });
    const classify = (...words: string[]) => call(["classify", image, "--bank", "b.safetensors", "--json", ...words], { cwd: place });
    const answered = await classify("--ultrasound-region");
    expect(JSON.parse(answered.out)).toMatchObject([{ dicom: { region: { left: 0, top: 0, width: 21, height: 32 } } }]);
    const whole = await classify();
    expect([whole.code, whole.err]).toEqual([2, expect.stringMatching(/shown_otherwise.*\n.*Give --ultrasound-region/)]);
    const served = await call(["serve", "--port", "0", "--pool", "0", "--device", "cpu", "--bank", "b.safetensors"], { cwd: place });
    expect([served.code, served.err]).toEqual([1, expect.stringContaining("Serve it with --ultrasound-region")]);

    writeFileSync(join(place, "set", "left", "none.dcm"), ultrasoundFrame(64, 32));
    const refused = await call(train, { cwd: place });
    expect([refused.code === 0, refused.err]).toEqual([false, expect.stringContaining("Sequence of Ultrasound Regions")]);
    writeFileSync(
      join(place, "plain.png"),
      greyPng(16, 16, 8, (i) => i % 256),
    );
    const { rows } = await classified(["plain.png", image, "--ultrasound-region"], place);
    expect(rows.map(({ error }) => error?.code)).toEqual(["unsupported_format", undefined]);
    const embed = (out: string, ...words: string[]) => call(["embed", image, "--out", out, "--json", ...words], { cwd: place });
    await embed("rows.safetensors");
    expect(JSON.parse((await embed("rows.safetensors", "--ultrasound-region")).out)).toMatchObject({ embedded: 1 });
  });
});

describe("slices of patients, learned from", () => {
  it("stand on one side by patient, across classes, and no tag of a patient is printed or kept", async () => {
    const place = folder("patients");
    const patientOf = new Map<string, string>();
    for (let i = 0; i < 60; i++) {
      const [patient, label] = [`PATIENT-${i % 15}`, i % 30 < 15 ? "dark" : "bright"];
      mkdirSync(join(place, "set", label), { recursive: true });
      const values = Uint8Array.from({ length: 256 }, (_, k) => (label === "dark" ? 20 : 170) + ((k + i) % 64));
      const file = dicomFile("1.2.840.10008.1.2.1", [
        dicomElement("00080016", "UI", "1.2.840.10008.5.1.4.1.1.7"),
        dicomElement("00080018", "UI", `2.25.4242.7.${i}`),
        dicomElement("00080060", "CS", "OT"),
        dicomElement("00100010", "PN", `NOBODY^${i % 15}`),
        dicomElement("00100020", "LO", patient),
        dicomElement("0020000D", "UI", `2.25.4242.8.${i}`),
        dicomElement("0020000E", "UI", `2.25.4242.9.${i}`),
        dicomElement("00280002", "US", 1),
        dicomElement("00280004", "CS", "MONOCHROME2"),
        dicomElement("00280010", "US", 16),
        dicomElement("00280011", "US", 16),
        dicomElement("00280100", "US", 8),
        dicomElement("00280101", "US", 8),
        dicomElement("00280102", "US", 7),
        dicomElement("00280103", "US", 0),
        dicomElement("7FE00010", "OW", values),
      ]);
      writeFileSync(join(place, "set", label, `IM${i}`), file);
      patientOf.set(`${label}/IM${i}`, patient);
    }
    const options = ["--device", "wasm", "--cache", "off", "--twins", "off"];
    const measured = await call(["eval", "./set", "--split-list", "split.csv", "--out", "result.json", ...options], { cwd: place });
    expect(measured.code, measured.err).toBe(0);
    expect(measured.err).toContain("60 DICOM files are grouped by patient: 15 groups");
    const sides = new Map<string, Set<string>>();
    const rows = readFileSync(join(place, "split.csv"), "utf8").trim().split("\n").slice(1);
    for (const row of rows) {
      const patient = [...patientOf].find(([file]) => row.includes(`${file},`))?.[1] ?? "";
      const side = /,(train|val|test)\b/.exec(row)?.[1] ?? "";
      sides.set(patient, (sides.get(patient) ?? new Set()).add(side));
    }
    expect([...sides.values()].map(({ size }) => size)).toEqual(Array.from({ length: 15 }, () => 1));
    expect(new Set([...sides.values()].flatMap((of) => [...of]))).toEqual(new Set(["train", "val", "test"]));
    const trained = await call(["train", "./set", "--shots", "2", "--set", "epochs=1", "--out", "b.safetensors", ...options], {
      cwd: place,
    });
    expect(trained.code, trained.err).toBe(0);
    const kept = ["split.csv", "result.json", "b.safetensors"].map((file) => readFileSync(join(place, file), "latin1"));
    for (const said of [measured.out, measured.err, trained.out, trained.err, ...kept]) expect(said).not.toMatch(/PATIENT-|NOBODY/);
  });
});

describe("a chest X-ray of the shared data, with more bits a pixel", () => {
  const path = skipUnlessShared("data/images/png_jpg/cxr_nih_00000001_000.png");
  it.skipIf(path === undefined)("of 10, 12, 14 and 16 bits has the answer that it has with 8", async () => {
    const { data, width, height } = await decodeImage(readFileSync(path ?? ""));
    const place = folder("bits");
    const wide = (bits: number) => (i: number) => Math.round(((data[3 * i] ?? 0) / 255) * (2 ** bits - 1));
    writeFileSync(
      join(place, "8.png"),
      greyPng(width, height, 8, (i) => data[3 * i] ?? 0),
    );
    for (const bits of [10, 12, 14, 16]) {
      writeFileSync(join(place, `${bits}.png`), greyPng(width, height, 16, wide(bits), bits));
      writeFileSync(join(place, `${bits}-unsaid.png`), greyPng(width, height, 16, wide(bits)));
    }
    const top = ({ predictions: [first] }: Element) => first?.class;
    const sure = ({ predictions: [first] }: Element) => first?.probability ?? Number.NaN;
    const [eight] = (await classified(["8.png"], place)).rows as [Element];
    const same = (rows: readonly Element[]) => {
      expect(rows.length).toBeGreaterThan(0);
      for (const row of rows) {
        expect([row.file, top(row)]).toEqual([row.file, top(eight)]);
        expect(Math.abs(sure(row) - sure(eight)), row.file).toBeLessThan(0.01);
      }
    };
    same(
      (
        await classified(
          [10, 12, 14, 16].map((bits) => `${bits}.png`),
          place,
        )
      ).rows,
    );
    for (const bits of [10, 12, 14, 16]) same((await classified([`${bits}-unsaid.png`, "--range", `bits=${bits}`], place)).rows);
  });
});
