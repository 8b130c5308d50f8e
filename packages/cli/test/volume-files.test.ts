// NIfTI and NRRD from the command line: found in folders, cut along the plane that is named, answered by slice and as a whole.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { golden } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { call, folder } from "./call.js";
import { detached, writePairs } from "./made-pairs.js";

interface Element {
  readonly file: string;
  readonly predictions: readonly { readonly class: string; readonly probability: number }[];
  readonly slice?: {
    readonly frame: number;
    readonly frames: number;
    readonly plane: string;
    readonly window: { readonly source: string };
  };
  readonly frames?: { readonly count: number; readonly answered: number };
}

const { rows } = JSON.parse(readFileSync(golden("volumes.json"), "utf8")) as { rows: { name: string; bytes: string }[] };
const put = (name: string, place: string) =>
  writeFileSync(place, Buffer.from(rows.find((row) => row.name === name)?.bytes ?? "", "base64"));
const CLASSES = ["chest X-ray", "head CT"].flatMap((name) => ["--class", name]);

function volumes(name: string): string {
  const place = folder(name);
  put("nifti int16 little 0", join(place, "a.nii"));
  put("nifti int16 little 2", join(place, "b.nii.gz"));
  put("nifti uint8 little 2", join(place, "b_mask.nii.gz"));
  put("nrrd float32 big left-posterior-superior", join(place, "c.nrrd"));
  return place;
}

const classified = async (words: readonly string[], cwd: string) => {
  const { code, out, err } = await call(["classify", ...words, ...CLASSES, "--json"], { cwd });
  return { code, err, elements: out === "" ? [] : (JSON.parse(out) as Element[]) };
};

describe("classify on volumes", () => {
  it("finds them in folders, masks left out, and shows their middle axial slice", async () => {
    const { code, err, elements } = await classified(["."], volumes("found"));
    expect(code).toBe(0);
    expect(err).toContain("left out: 1 mask");
    expect(elements.map(({ file }) => file)).toEqual(["a.nii", "b.nii.gz", "c.nrrd"]);
    for (const { slice } of elements) expect(slice).toMatchObject({ frame: 2, frames: 2, plane: "axial", window: { source: "min-max" } });
  });

  it("reads volumes in two files as those in one, and refuses a header that names another place", async () => {
    const place = folder("pairs");
    writePairs(place);
    const { code, err, elements } = await classified(["."], place);
    expect([code, err]).toEqual([0, expect.stringContaining("left out: ")]);
    expect(elements.map(({ file }) => file)).toEqual(["one.nii", "two.hdr", "x.nrrd", "y.nhdr"]);
    for (const [a, b] of [
      [0, 1],
      [2, 3],
    ] as const)
      expect(elements[b]?.predictions).toEqual(elements[a]?.predictions); // prettier-ignore
    writeFileSync(join(place, "y.nhdr"), detached("../secret.raw"));
    const refused = await call(["classify", "y.nhdr", ...CLASSES, "--json"], { cwd: place });
    expect([refused.code, refused.out]).toEqual([1, expect.stringContaining("bad_path")]);
  });

  it("takes the plane, the slice and the window that are named, and says so", async () => {
    const place = volumes("named");
    const { elements } = await classified(["a.nii", "--plane", "sagittal", "--frame", "4", "--window", "40/80"], place);
    expect(elements[0]?.slice).toMatchObject({
      frame: 4,
      frames: 4,
      plane: "sagittal",
      window: { center: 40, width: 80, source: "asked" },
    });
    const text = await call(["classify", "a.nii", ...CLASSES, "--plane", "coronal", "--window", "brain"], { cwd: place });
    expect(text.out).toContain("coronal slice 2 of 3, window 40/80");
    expect(text.out).toContain("note: pixels are not square");
    expect((await classified(["a.nii", "--frame", "5"], place)).code).not.toBe(0);
    expect((await call(["classify", "a.nii", ...CLASSES, "--plane", "oblique"], { cwd: place })).err).toContain("axial");
  });

  it("answers every slice, and the volume by their mean", async () => {
    const { code, elements } = await classified(["b.nii.gz", "--frame", "all", "--plane", "coronal"], volumes("every"));
    expect(code).toBe(0);
    const [whole, ...slices] = [elements.at(-1), ...elements.slice(0, -1)] as [Element, ...Element[]];
    expect(slices.map(({ slice }) => slice?.frame)).toEqual([1, 2, 3]);
    expect(whole.frames).toMatchObject({ count: 3, answered: 3 });
    const of = ({ predictions }: Element) => predictions.find((p) => p.class === "head CT")?.probability ?? Number.NaN;
    expect(of(whole)).toBeCloseTo(slices.reduce((sum, slice) => sum + of(slice), 0) / 3, 12);
  });

  it("answers a lone file with --volumes by all of its slices, the middle one's facts in front", async () => {
    const place = volumes("lone");
    const { code, err, elements } = await classified(["a.nii", "c.nrrd", "--volumes", "--plane", "coronal"], place);
    expect([code, err.includes("error")]).toEqual([0, false]);
    const told = elements as (Element & { volume: { number: number; slice?: number; slices: number; answered?: number } })[];
    expect(told.map(({ file, volume: { number, slice, slices, answered } }) => [file, number, slice, slices, answered])).toEqual([
      ...[1, 2, 3].map((slice) => ["a.nii", 1, slice, 3, undefined]),
      ["a.nii", 1, undefined, 3, 3],
      ...[1, 2, 3].map((slice) => ["c.nrrd", 2, slice, 3, undefined]),
      ["c.nrrd", 2, undefined, 3, 3],
    ]);
    const all = await classified(["a.nii", "--frame", "all", "--plane", "coronal"], place);
    expect(told[3]?.predictions).toEqual(all.elements.at(-1)?.predictions);
    expect(told[3]?.slice).toMatchObject({ frame: 2, frames: 3, plane: "coronal" });
    const text = await call(["classify", "a.nii", ...CLASSES, "--volumes", "--plane", "coronal"], { cwd: place });
    expect(text.out).toMatch(/coronal slice 2 of 3, lowest to highest value[\s\S]*note: pixels are not square/);
    const one = await call(["classify", "a.nii", ...CLASSES, "--volumes", "--frame", "2"], { cwd: place });
    expect([one.code, one.err]).toEqual([2, expect.stringContaining("expected all frames of a file, got --frame 2")]);
  });

  it("refuses a bank that was learned in another plane", async () => {
    const place = folder("learned");
    const names = { light: ["nifti int16 little 0", "nifti uint8 little 0"], dark: ["nifti int8 little 0", "nifti float32 little 0"] };
    for (const [label, files] of Object.entries(names)) {
      mkdirSync(join(place, "set", label), { recursive: true });
      for (const name of files) put(name, join(place, "set", label, `${name}.nii`));
    }
    const words = ["./set", "--shots", "2", "--set", "epochs=1", "--out", "b.safetensors", "--device", "wasm", "--cache", "off"];
    const train = await call(["train", ...words, "--plane", "sagittal"], { cwd: place });
    expect(train.code, train.err).toBe(0);
    const classify = (...more: string[]) => call(["classify", "set/dark", "--bank", "b.safetensors", "--json", ...more], { cwd: place });
    expect((await classify("--plane", "sagittal")).code).toBe(0);
    const refused = await classify();
    expect([refused.code, refused.err]).toEqual([
      2,
      expect.stringMatching(/shown_otherwise.*sagittal, got axial\n.*Give --plane sagittal/),
    ]);
  });

  it("keeps rows of one plane apart from rows of another", async () => {
    const place = volumes("rows");
    const embed = (...words: string[]) => call(["embed", "a.nii", "--out", "rows.safetensors", ...words], { cwd: place });
    expect((await embed()).code).toBe(0);
    expect((await embed()).err).toContain("already holds");
    expect((await embed("--plane", "coronal")).err).toContain("1 embedded now");
  });
});
