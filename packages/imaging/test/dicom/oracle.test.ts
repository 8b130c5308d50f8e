// DICOM against oracles: stored values of pydicom's decoders, and RGB8 by the rules of docs/dicom.md, frame by frame, for 39 phantoms that are
// part of the project and for 68 real files where they are.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { golden, skipUnlessShared } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { wasmCodecs } from "../../src/dicom/codecs/wasm-codecs.js";
import { openDicom, WINDOW_PRESETS } from "../../src/dicom/dicom-image.js";
import { sharpDecoder } from "../../src/node/index.js";
import { installedCodecs } from "../../src/node/installed-codecs.js";
import { byFile, type OracleRow, sha256, storedElsewise, tableRows } from "./oracle-rows.js";
import { valueBytes } from "./value-bytes.js";

const reading = { maxPixels: 25_000_000, maxInflated: 64 * 1024 * 1024, codecs: wasmCodecs(installedCodecs) };
const decoder = sharpDecoder();

async function holdTo(path: string, rows: readonly OracleRow[]) {
  const bytes = new Uint8Array(readFileSync(path));
  expect(sha256(bytes)).toBe(rows[0]?.["file_sha256"]);
  const refusal = rows[0]?.["rule"]?.startsWith("refuse: ") ? rows[0]["rule"] : undefined;
  if (refusal !== undefined) {
    await expect(decoder.open(bytes)).rejects.toMatchObject({ code: refusal.includes("truncated") ? "corrupt_image" : "not_an_image" });
    return;
  }
  const [stack, shown] = [await openDicom(bytes, reading), await decoder.open(bytes)];
  expect(stack.frames).toBe(rows.length);
  for (const [index, row] of rows.entries()) {
    const { values } = await stack.stored(index);
    const { data, width, height, dicom } = await shown.frame(index);
    expect(`${width}x${height}`).toBe(row["size"]);
    if (dicom?.window !== undefined) expect(windowWords(dicom), row["rule"]).toBe(true);
    if (row["tolerance"]?.startsWith("12-bit")) continue;
    if (!storedElsewise(row))
      expect(sha256(valueBytes(values)), `${row["file"]} ${index} stored as ${row["stored_dtype"]}`).toBe(row["stored_sha256"]);
    expect(sha256(data), `${row["file"]} ${index} rgb8 (${row["rule"]})`).toBe(row["rgb8_sha256"]);
    function windowWords({ window, inverted }: NonNullable<typeof dicom>): boolean {
      const rule = row["rule"] ?? "";
      const source = { file: "window", "min-max": "min-max", "full range": "full range", "VOI LUT": "voi-lut", asked: "-" }[
        window?.source ?? "asked"
      ];
      return rule.includes(source) && rule.includes("inverted") === inverted;
    }
  }
}

describe("phantoms", () => {
  it.each(byFile(tableRows(golden("dicom/oracle.tsv"))))("%s", (file, rows) => holdTo(golden(`dicom/${file}`), rows));
});

const folder = skipUnlessShared("data/images/dicom");
const table = skipUnlessShared("goldens/dicom/oracle.tsv");
const presets = skipUnlessShared("goldens/dicom/presets.tsv");

describe.skipIf(folder === undefined || table === undefined)("real files", () => {
  it.each(table === undefined ? [] : byFile(tableRows(table)))("%s", (file, rows) => holdTo(join(folder ?? "", file), rows));

  it.each(presets === undefined ? [] : tableRows(presets).map((row) => [row["preset"] ?? "", row["file"] ?? "", row] as const))(
    "window %s on %s",
    async (name, file, row) => {
      const window = Object.entries(WINDOW_PRESETS).find(([preset]) => preset === name)?.[1];
      expect(window).toEqual({ center: Number(row["center"]), width: Number(row["width"]) });
      const stack = await decoder.open(new Uint8Array(readFileSync(join(folder ?? "", file))));
      const { data, dicom } = await stack.frame(Number(row["frame"]) - 1, { window });
      expect(sha256(data)).toBe(row["rgb8_sha256"]);
      expect(dicom?.window).toEqual({ ...window, source: "asked" });
    },
  );
});
