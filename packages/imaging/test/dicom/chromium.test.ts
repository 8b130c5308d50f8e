// The oracles of DICOM in a real Chromium, under a strict content security policy: every digest, of stored values and of RGB8, is the one that Node gives.

import { dirname } from "node:path";
import { golden, skipUnlessShared, withoutProgram } from "@biovlm/testkit";
import { openTestPage, type TestPage } from "@biovlm/testkit/browser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { byFile, type OracleRow, storedElsewise, tableRows } from "./oracle-rows.js";
import type { FrameDigests } from "./page.js";

type Frames = (url: string) => Promise<FrameDigests[] | { code: string; message: string }>;

describe.skipIf(withoutProgram("chromium"))("DICOM in Chromium", () => {
  let opened: TestPage | undefined;
  const real = skipUnlessShared("data/images/dicom");
  const table = skipUnlessShared("goldens/dicom/oracle.tsv");

  beforeAll(async () => {
    const codecs = new URL("../../../../node_modules/@cornerstonejs", import.meta.url).pathname;
    const mounts = { "/codecs/": codecs, "/phantoms/": dirname(golden("dicom/oracle.tsv")), ...(real !== undefined && { "/real/": real }) };
    opened = await openTestPage({ entry: new URL("./page.ts", import.meta.url), mounts });
  });
  afterAll(async () => {
    expect(opened?.external).toEqual([]);
    await opened?.close();
  });

  const framesOf = (url: string) => opened?.page.evaluate((at) => (globalThis as unknown as { frames: Frames }).frames(at), url);

  /** Files whose digests are not the table's, and how many frames' RGB8 and stored values were the same. */
  async function compared(folder: string, rows: readonly OracleRow[]) {
    const different: string[] = [];
    const same = { rgb8: 0, stored: 0 };
    for (const [file, frames] of byFile(rows)) {
      const got = await framesOf(`/${folder}/${file}`);
      const refused = frames[0]?.["rule"]?.startsWith("refuse") === true;
      const inexact = frames.some((row) => row["tolerance"]?.startsWith("12-bit"));
      if (refused || !Array.isArray(got)) {
        if (refused === Array.isArray(got) || got === undefined) different.push(`${file}: ${JSON.stringify(got).slice(0, 200)}`);
        continue;
      }
      if (got.length !== frames.length) different.push(`${file}: ${got.length} frames`);
      for (const [index, row] of inexact ? [] : frames.entries())
        for (const kind of ["stored", "rgb8"] as const) {
          if (kind === "stored" && storedElsewise(row)) continue;
          if (got[index]?.[kind] === row[`${kind}_sha256`]) same[kind]++;
          else different.push(`${file} ${index} ${kind}`);
        }
    }
    return { different, same };
  }

  it("phantoms: every frame's bytes are the oracle's", async () => {
    const rows = tableRows(golden("dicom/oracle.tsv"));
    expect(await compared("phantoms", rows)).toEqual({ different: [], same: { rgb8: rows.length, stored: rows.length } });
  });

  it("real files: every frame's bytes are the oracle's, with all four codecs", async (ctx) => {
    if (real === undefined || table === undefined) return ctx.skip("skipped: shared data absent");
    const { different, same } = await compared("real", tableRows(table));
    expect(different).toEqual([]);
    expect(same.rgb8).toBeGreaterThan(60);
    expect(same.stored).toBeGreaterThan(50);
    expect(opened?.log).toEqual([]);
  });
});
