// DICOM in the page as a person meets it: a folder as archives write it, windows by name and by drag, frames, and learning from it. Every
// picture's bytes are the oracle's. Registers tests; page-files.test.ts runs them in its browser.

import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseWindow } from "@biovlm/imaging";
import { sharpDecoder } from "@biovlm/imaging/node";
import { golden, skipUnlessShared } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call } from "../../../cli/test/call.js";
import { byFile, type OracleRow, tableRows } from "../../../imaging/test/dicom/oracle-rows.js";
import { allAnswered, closed, type OpenPage, picture, type Stage, settle, showsPixels, typeClasses } from "../page-under-test.js";

/** One transfer syntax for each codec that comes as WebAssembly. */
const CODED = [/4\.(50|51)$/, /4\.8[01]$/, /4\.9[01]$/, /4\.20[123]$/];
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

export function dicomFlows(stage: () => Stage): void {
  describe("DICOM", () => {
    const phantoms = dirname(golden("dicom/oracle.tsv"));
    const rows = tableRows(golden("dicom/oracle.tsv"));
    const real = skipUnlessShared("data/images/dicom");
    const table = skipUnlessShared("goldens/dicom/oracle.tsv");
    let open: OpenPage;
    let study: string;
    beforeAll(async () => {
      study = join(stage().folder, "study");
      for (const [kind, files] of Object.entries({
        ct: ["ct_signed_16_window.dcm", "padding_min_max.dcm"],
        sc: ["frames_3_min_max.dcm", "rgb_planar.dcm"],
      })) {
        mkdirSync(join(study, kind), { recursive: true });
        // as an archive writes them: without an ending
        for (const [i, file] of files.entries()) copyFileSync(join(phantoms, file), join(study, kind, i === 0 ? "IM000001" : file));
      }
      for (const file of ["notes.txt", "a.mha", "b.mha", "DICOMDIR"]) writeFileSync(join(study, file), "no image");
      open = await stage().open();
    });
    afterAll(() => closed(open));

    const shows = (wanted: string) => showsPixels(open.page, wanted);
    const windowed = async (file: string, window: string, frame = 0) => {
      const stack = await sharpDecoder().open(readFileSync(file));
      return sha256((await stack.frame(frame, { window: parseWindow(window) })).data);
    };
    const rgbOf = (file: string, frame: number) =>
      rows.find((row) => row["file"] === file && row["frame"] === String(frame))?.["rgb8_sha256"] ?? "";

    it("comes as a folder, also without endings; what is no image is counted by kind", async () => {
      const { page } = open;
      await page.setInputFiles("#folder-input", study);
      await page.waitForFunction(() => document.querySelector("#notice")?.textContent === "Left out: 2 MHA, 1 DICOM index, 1 TXT.");
      await typeClasses(page, ["brain CT", "chest CT"]);
      await allAnswered(page, 4);
      expect(await page.$$(".tile.failed")).toHaveLength(0);
      await page.click('.tile:has-text("IM000001")');
      await shows(rgbOf("ct_signed_16_window.dcm", 1));
      expect(await page.textContent("#image-facts")).toMatch(/^CT; DICOM, 32 × 24 pixels.*; window 40\/400 \(file\)/);
    });

    it("is shown in a window by name, by numbers and by dragging, all images in one, and answered as the command line answers", async () => {
      const { page } = open;
      const file = join(study, "ct", "IM000001");
      await page.selectOption("#window-choice", "lung");
      await shows(await windowed(file, "lung"));
      await page.fill("#window-center", "100");
      // pictures that come meanwhile leave what is typed alone
      await page.dispatchEvent("#undo", "click");
      await shows(rgbOf("ct_signed_16_window.dcm", 1));
      await page.dispatchEvent("#redo", "click");
      await shows(await windowed(file, "lung"));
      expect(await page.inputValue("#window-center")).toBe("100");
      await page.dispatchEvent("#window-center", "change");
      await shows(await windowed(file, "100/1500"));
      // answers in the new window move what stands around the picture: all of them first
      await allAnswered(page, 4);
      const whole = page.locator(".whole");
      await whole.hover({ position: { x: 20, y: 20 } });
      await page.mouse.down();
      const at = await whole.evaluate((node) => node.getBoundingClientRect().toJSON() as DOMRect);
      expect(at.width).toBeGreaterThan(100);
      await page.mouse.move(at.x + 60, at.y + 40, { steps: 4 });
      await page.mouse.up();
      await page.waitForFunction(
        () =>
          /^[\d.]+\/[\d.]+$/.test(document.querySelector<HTMLSelectElement>("#window-choice")?.value ?? "") &&
          document.querySelector<HTMLSelectElement>("#window-choice")?.value !== "100/1500",
      );
      const dragged = await page.inputValue("#window-choice");
      await shows(await windowed(file, dragged));
      await allAnswered(page, 4);
      await picture(page, "dicom");
      const said = await call([
        "classify",
        file,
        "--class",
        "brain CT",
        "--class",
        "chest CT",
        "--window",
        dragged,
        "--device",
        "wasm",
        "--json",
      ]);
      expect(said, said.err).toMatchObject({ code: 0 });
      expect(said.out).toContain(`"${await page.textContent(".bars .bar-name")}"`);
      await page.click('.tile:has-text("padding_min_max")');
      await shows(await windowed(join(study, "ct", "padding_min_max.dcm"), dragged));
      await page.click("#undo");
      await shows(await windowed(join(study, "ct", "padding_min_max.dcm"), "100/1500"));
      await page.selectOption("#window-choice", "file");
      await shows(rgbOf("padding_min_max.dcm", 1));
    });

    it("is gone through frame by frame, and file by file of a folder", async () => {
      const { page } = open;
      await page.click('.tile:has-text("sc")');
      await shows(rgbOf("frames_3_min_max.dcm", 2));
      expect(await page.textContent(".slices label")).toBe("Frame 2 of 3");
      await page.focus("#slice");
      await page.keyboard.press("ArrowRight");
      await shows(rgbOf("frames_3_min_max.dcm", 3));
      await page.keyboard.press("Home");
      await shows(rgbOf("frames_3_min_max.dcm", 1));
      await page.hover(".whole");
      await page.mouse.wheel(0, 100);
      await shows(rgbOf("frames_3_min_max.dcm", 2));
      await allAnswered(page, 4);
      await page.click('.tile:has-text("padding_min_max")');
      await page.waitForFunction(() => document.querySelector(".slices label")?.textContent === "File 2 of 2 of this folder");
      await page.focus("#slice");
      await page.keyboard.press("ArrowLeft");
      await page.waitForFunction(() => document.querySelector("#panel-result h2")?.textContent === "IM000001");
    });

    it("is learned from: the bank is the command line's byte for byte, its window kept, and asked in that window", async () => {
      const { page } = open;
      await settle(page, { "threads-choice": "1" });
      await page.selectOption("#window-choice", "lung");
      await allAnswered(page, 4);
      await page.click("#tab-learn");
      await page.fill("#learn-epochs", "2");
      await page.click("text=Take folders as labels");
      await page.waitForFunction(() => document.querySelector(".counts")?.textContent === "ct: 2 labelledsc: 2 labelled");
      await page.waitForFunction(() => !document.querySelector<HTMLButtonElement>("#learn-start")?.disabled);
      await page.click("#learn-start");
      await page.waitForSelector("#download-bank");
      const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download-bank")]);
      const ours = join(stage().folder, "dicom.bank.safetensors");
      await download.saveAs(ours);
      const theirs = join(stage().folder, "dicom-cli.bank.safetensors");
      const trained = await call([
        "train",
        study,
        "--all",
        "--device",
        "wasm",
        "--threads",
        "1",
        "--window",
        "lung",
        "--seed",
        "1",
        "--set",
        "epochs=2",
        "--out",
        theirs,
        "--cache",
        "off",
      ]);
      expect(trained, trained.err).toMatchObject({ code: 0 });
      expect(readFileSync(ours).equals(readFileSync(theirs))).toBe(true);
      await page.click("#tab-result");
      await page.selectOption("#window-choice", "file");
      await page.check("#class-kind-bank");
      expect(await page.textContent("#bank-name")).toBe("learned here");
      await page.click("#apply-classes");
      await page.waitForFunction(
        () => document.querySelector("#notice")?.textContent === "This bank was learned in the window lung: grey DICOM is shown in it.",
      );
      await shows(await windowed(join(study, "ct", "IM000001"), "lung"));
      await page.selectOption("#window-choice", "file");
      await page.waitForFunction(() =>
        /^The bank was learned in the window lung: in another one/.test(document.querySelector("#notice")?.textContent ?? ""),
      );
    });

    it("of every kind has the oracle's bytes, and compressed files their codecs from the page itself", async () => {
      const { page } = open;
      type Found = readonly [string, readonly OracleRow[]];
      const made = [...byFile(rows)].map(([file, frames]): Found => [join(phantoms, file), frames]);
      const coded: Found[] = [];
      if (real !== undefined && table !== undefined) {
        const small = (row: OracleRow | undefined) =>
          (row?.["size"] ?? "").split("x").every((side) => Number(side) <= 640) &&
          /^[0-9a-f]{64}$/.test(row?.["rgb8_sha256"] ?? "") &&
          !row?.["tolerance"]?.startsWith("12-bit");
        const found = [...byFile(tableRows(table))];
        for (const syntax of CODED) {
          const one = found.find(
            ([, frames]) => frames.length === 1 && syntax.test(frames[0]?.["transfer_syntax"] ?? "") && small(frames[0]),
          );
          if (one !== undefined) coded.push([join(real, one[0]), one[1]]);
        }
        expect(coded).toHaveLength(CODED.length);
      }
      const shownAs = async ([file, frames]: Found) => {
        const middle = frames[frames.length === 1 ? 0 : Math.floor(frames.length / 2)];
        await shows(middle?.["rgb8_sha256"] ?? "").catch(() => expect.fail(`${file}: other bytes than the oracle's`));
      };
      const drop = async (files: readonly Found[]) => {
        await page.click("#remove-all");
        await page.setInputFiles(
          "#file-input",
          files.map(([file]) => file),
        );
        await allAnswered(page, files.length);
      };
      await drop(made);
      for (const one of made) {
        await page.click(`.tile:has(.file-name:text-is("${one[0].slice(one[0].lastIndexOf("/") + 1)}"))`);
        await shownAs(one);
      }
      // some are one image in several syntaxes, and would be one series
      for (const one of coded) {
        await drop([one]);
        await shownAs(one);
      }
    });
  });
}
