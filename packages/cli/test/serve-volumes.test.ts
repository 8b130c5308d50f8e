// A server that is sent frames, series and volumes answers as the command line does of the same files: the same members, the same numbers.

import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { golden, madeCine } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, folder } from "./call.js";
import { slice } from "./made-series.js";
import { type Served, serve } from "./served.js";

const WORDS = ["--class", "chest X-ray", "--class", "head CT", "--device", "cpu", "--threads", "1"];
const LOCALISER = "ORIGINAL\\PRIMARY\\LOCALIZER";

type Predictions = readonly { readonly class: string; readonly probability: number }[];
interface Element {
  readonly file?: string;
  readonly sha256?: string;
  readonly frame?: number;
  readonly predictions?: Predictions;
  readonly kept?: readonly { readonly prompt: number; readonly entropy: number }[];
  readonly error?: { readonly code: string };
  readonly frames?: object;
  readonly volume?: {
    readonly number: number;
    readonly slice?: number;
    readonly slices: number;
    readonly answered?: number;
    readonly files?: readonly string[];
    readonly notes?: readonly string[];
    readonly leftOut?: readonly { readonly file: string; readonly why: string }[];
  };
}
interface Result extends Omit<Element, "frames"> {
  readonly leftOut?: string;
  readonly frames?: { readonly count: number; readonly answered: number; readonly surest: object; readonly answers: readonly Element[] };
}
interface Answer {
  readonly results: readonly Result[];
  readonly volumes?: readonly {
    readonly volume: Omit<NonNullable<Element["volume"]>, "leftOut"> & {
      readonly images: readonly number[];
      readonly leftOut: readonly { readonly image: number; readonly why: string }[];
      readonly surest: object;
    };
    readonly predictions?: Predictions;
  }[];
}

const place = folder("served-volumes");
let server: Served;
let pages: Buffer;
beforeAll(async () => {
  const { rows } = JSON.parse(readFileSync(golden("tiff-pages.json"), "utf8")) as { rows: { bytes: string }[] };
  pages = Buffer.from(rows[0]?.bytes ?? "", "base64");
  server = await serve(["--class", "chest X-ray", "--class", "head CT", "--max-images", "64"], place);
}, 120_000);
afterAll(() => server?.stop("SIGINT"));

const post = async (path: string, body: object): Promise<{ readonly status: number; readonly text: string }> => {
  const response = await fetch(`${server.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
};
const ask = async (files: readonly string[], options: object): Promise<Answer> => {
  const images = files.map((file) => readFileSync(join(place, file)).toString("base64"));
  const { status, text } = await post("/v1/classify", { images, ...options });
  expect(status, text).toBe(200);
  return JSON.parse(text) as Answer;
};
const classified = async (files: readonly string[], ...words: string[]): Promise<Element[]> => {
  const { out, err } = await call(["classify", ...files, ...WORDS, ...words, "--json"], { cwd: place });
  expect(out, err).not.toBe("");
  return JSON.parse(out) as Element[];
};
const written = (files: Readonly<Record<string, Uint8Array>>): string[] => {
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(place, name), bytes);
  return Object.keys(files);
};

/** Numbers to seven digits: rows of one image meet others in other batches. */
function rounded(value: unknown): unknown {
  if (typeof value === "number") return Number(value.toPrecision(7));
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, rounded(one)]));
}
/** What both say of a picture; the command line says with each by what it was made. */
function picture(element: object): unknown {
  const { file: _, sha256: __, model, bank, device, core, timingsMs, ...said } = element as Record<string, unknown>;
  expect([typeof model, typeof timingsMs].includes("undefined") || (bank && device && core)).toBeTruthy();
  return rounded(said);
}

describe("frames of one file", () => {
  it("are answered as the command line answers them: each, and the file by their mean", async () => {
    const [cine = ""] = written({ "cine.dcm": madeCine([10, 60, 110, 160, 210], 32), "pages.tif": pages });
    for (const [file, frame] of [
      [cine, "all"],
      [cine, "every=2"],
      ["pages.tif", "all"],
    ] as const) {
      const elements = await classified([file], "--frame", frame);
      const [{ frames, ...result }] = (await ask([file], { frame })).results as [Result];
      const whole = elements.at(-1);
      const { answers, ...counts } = frames!;
      expect(answers.map(picture)).toEqual(elements.slice(0, -1).map(picture));
      expect(rounded(counts)).toEqual(rounded(whole?.frames));
      expect(rounded(result)).toEqual(rounded({ sha256: whole?.sha256, predictions: whole?.predictions }));
    }
  });

  it("are the one that is named, in the window that is named", async () => {
    for (const name of readdirSync(golden("dicom")).filter((file) => file.endsWith(".dcm")))
      copyFileSync(golden(`dicom/${name}`), join(place, name));
    written({ "cine.dcm": madeCine([10, 60, 110], 32) });
    for (const [options, ...words] of [
      [{ frame: 1 }, "--frame", "1"],
      [{ frame: "3", window: "lung" }, "--frame", "3", "--window", "lung"],
      [{ window: "min-max" }, "--window", "min-max"],
    ] as const) {
      const files = ["cine.dcm", "ct_signed_16_window.dcm", "rgb_rle.dcm"].slice(0, "frame" in options ? 1 : 3);
      const { results } = await ask(files, options);
      expect(results.map(picture)).toEqual((await classified(files, ...words)).map(picture));
    }
    const beyond = await ask(["cine.dcm", "rgb_rle.dcm"], { frame: "4" });
    expect(beyond.results.map(({ error }) => error?.code)).toEqual(["bad_option", "bad_option"]);
  });

  it("of all the synthetic files are those of the command line", async () => {
    const files = readdirSync(golden("dicom")).filter((file) => file.endsWith(".dcm"));
    const { results } = await ask(files, { frame: "all" });
    const elements = await classified(files, "--frame", "all");
    for (const [i, result] of results.entries()) {
      const own = elements.filter(({ file }) => file === files[i]);
      const { frames, ...rest } = result;
      if (frames === undefined) expect([picture(rest)], files[i]).toEqual(own.map(picture));
      else expect(frames.answers.map(picture), files[i]).toEqual(own.slice(0, -1).map(picture));
    }
    expect(elements.length).toBeGreaterThan(files.length);
  });
});

/** The file with more rows than it has pixels for: its header reads, its picture does not. */
function tooTall(file: Uint8Array): Uint8Array {
  const bytes = Buffer.from(file);
  bytes.writeUInt16LE(64, bytes.indexOf("\x28\0\x10\0US\x02\0", "latin1") + 8);
  return bytes;
}

describe("volumes", () => {
  const files = {
    "c.dcm": slice({ series: 1, instance: 3, z: 30, grey: 200 }),
    "scout.dcm": slice({ series: 1, instance: 9, z: 0, type: LOCALISER }),
    "cine.dcm": madeCine([20, 90, 200], 16),
    "a.dcm": slice({ series: 1, instance: 1, z: 0, grey: 60 }),
    "again.dcm": slice({ series: 1, instance: 1, z: 0, grey: 60 }),
    "tall.dcm": tooTall(slice({ series: 1, instance: 4, z: 40 })),
    "torn.dcm": slice({ series: 1, instance: 5, z: 50 }).subarray(0, -100),
    "b.dcm": slice({ series: 1, instance: 2, z: 10, grey: 120 }),
    "other.dcm": slice({ series: 2, instance: 20, z: 0, grey: 30, frames: 2 }),
    "only-scout.dcm": slice({ series: 3, instance: 30, z: 0, type: LOCALISER }),
  };

  it("are answered as classify --volumes answers them: order, means, what is left out, gaps, an unreadable slice", async () => {
    const names = written({ ...files, "pages.tif": pages });
    const { results, volumes = [] } = await ask(names, { volumes: true });
    const elements = await classified(names, "--volumes");
    const told = elements.filter(({ volume }) => volume?.answered !== undefined);
    expect(volumes.map(({ volume }) => volume.number)).toEqual([1, 2, 3, 4, 5]);
    for (const { volume, predictions } of volumes) {
      const same = told.find((one) => one.volume?.number === volume.number);
      const { images, leftOut, ...said } = volume;
      const { files: ends, leftOut: gone, ...own } = same?.volume ?? { files: [] };
      expect(rounded([said, predictions]), String(volume.number)).toEqual(rounded([own, same?.predictions]));
      if (images.length > 0) expect([names[images[0]!], names[images.at(-1)!]]).toEqual(ends);
      expect(leftOut.map(({ image, why }) => ({ file: names[image], why }))).toEqual(gone);
    }
    expect(volumes[0]?.volume.images.map((image) => names[image])).toEqual(["a.dcm", "b.dcm", "c.dcm", "tall.dcm"]);
    expect(volumes[0]?.volume).toMatchObject({ slices: 4, answered: 3, notes: expect.arrayContaining(["a gap after slice 2"]) });
    for (const [i, result] of results.entries()) {
      const own = elements.filter((one) => one.file === names[i]);
      const { leftOut, frames, volume, ...rest } = result;
      if (leftOut !== undefined) expect(own, names[i]).toEqual([]);
      else if (frames !== undefined) {
        const each = own.slice(0, -1).map(({ volume: _, ...one }) => picture(one));
        expect(frames.answers.map(picture), names[i]).toEqual(each);
      } else {
        const [{ volume: stands, ...same }] = own as [Element];
        // what is wrong is said in one way; its code is the server's own
        if (same.error !== undefined && rest.error !== undefined) Object.assign(same.error, { code: rest.error.code });
        expect([picture(rest), volume], names[i]).toEqual([picture(same), stands]);
      }
    }
    expect(results.map(({ leftOut }) => leftOut)).toEqual(
      names.map((name) => (name.includes("scout") ? "localiser" : name === "again.dcm" ? "there twice" : undefined)),
    );
    for (const bad of ["tall.dcm", "torn.dcm"]) expect(results[names.indexOf(bad)]?.error?.code).toBe("unreadable_image");
  });

  it("are cut along the plane that is named", async () => {
    const { rows } = JSON.parse(readFileSync(golden("volumes.json"), "utf8")) as { rows: { name: string; bytes: string }[] };
    const bytes = (name: string) => Buffer.from(rows.find((row) => row.name === name)?.bytes ?? "", "base64");
    const names = written({ "v.nii": bytes("nifti int16 little 0"), "v.nrrd": bytes("nrrd float32 big left-posterior-superior") });
    for (const plane of ["axial", "coronal", "sagittal"]) {
      const { results, volumes = [] } = await ask(names, { volumes: true, plane });
      const elements = await classified(names, "--volumes", "--plane", plane);
      const whole = elements.filter(({ file, frames }) => file !== undefined && frames !== undefined);
      expect(volumes.map(({ predictions }) => rounded(predictions))).toEqual(whole.map(({ predictions }) => rounded(predictions)));
      for (const result of results) expect(result).toMatchObject({ slice: { plane }, volume: { slice: 1 } });
    }
  });

  it("have one row each in embeddings, which is the row of embed --volumes", async () => {
    const names = written(files).filter((name) => !/^(torn|tall|only-scout)/.test(name));
    const input = names.map((name) => `data:application/dicom;base64,${readFileSync(join(place, name)).toString("base64")}`);
    const { status, text } = await post("/v1/embeddings", { model: "tiny", input, volumes: true });
    expect(status, text).toBe(200);
    const { data } = JSON.parse(text) as { data: { index: number; images: number[]; embedding: number[] }[] };
    const rows = [["a.dcm", "b.dcm", "c.dcm"], ["cine.dcm"], ["other.dcm"]];
    expect(data.map(({ images }) => images.map((image) => names[image]))).toEqual(
      rows.sort((a, b) => names.indexOf(a[0]!) - names.indexOf(b[0]!)),
    );
    const out = join(place, "rows.npy");
    const { code, err } = await call(["embed", ...names, "--volumes", "--out", out, "--device", "cpu", "--threads", "1"], { cwd: place });
    expect(code, err).toBe(0);
    const bytes = readFileSync(out);
    const kept = new Float32Array(Uint8Array.from(bytes.subarray(10 + bytes.readUInt16LE(8))).buffer);
    const list = readFileSync(`${out}.rows.jsonl`, "utf8").trim().split("\n").slice(1);
    const named = list.map((line) => (JSON.parse(line) as { file: string }).file);
    expect([named.length, kept.length]).toEqual([3, 3 * (data[0]?.embedding.length ?? 0)]);
    for (const { index, embedding } of data) {
      const row = kept.subarray(named.indexOf(names[index]!) * embedding.length).subarray(0, embedding.length);
      for (const [i, x] of embedding.entries()) expect(row[i]).toBeCloseTo(x, 5);
    }
    const each = await post("/v1/embeddings", { model: "tiny", input: input[2], frame: "all" });
    expect(each.status, each.text).toBe(200);
  });
});
