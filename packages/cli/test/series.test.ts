// Series of DICOM files on the command line: what is left out of them is named and counted.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { call, folder } from "./call.js";
import { slice } from "./made-series.js";

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

/** Writes files by name. */
function written(name: string, files: Readonly<Record<string, Uint8Array>>): string {
  const place = folder(name);
  for (const [file, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(place, file)), { recursive: true });
    writeFileSync(join(place, file), bytes);
  }
  return place;
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

  it("ends with a word, not with nothing, where there are localisers alone", async () => {
    const { code, out, err } = await call(["classify", "a-scout", ...CLASSES, "--volumes", "--json"], { cwd: place });
    expect([code, out]).toEqual([3, ""]);
    expect(err).toMatch(/no slice to answer — left out of series: 2 localisers[\s\S]*Leave out --volumes/);
  });
});
