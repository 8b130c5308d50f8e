import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cases, golden, skipUnlessShared } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { cleanText } from "../src/text/text-cleaning.js";
import { loadTokenizer } from "../src/text/wordpiece.js";

interface GoldenRow {
  readonly text: string;
  readonly ids_raw: number[];
  readonly ids_openclip: number[];
  readonly ids_no_ftfy: number[];
}
const rows = (JSON.parse(readFileSync(golden("tokenizer.json"), "utf8")) as { rows: GoldenRow[] }).rows;
const tiny = new URL("../../model-tiny/files/", import.meta.url);
const tinyFile = (name: string) => readFileSync(new URL(name, tiny), "utf8");

describe("BiomedCLIP's tokenizer", () => {
  const folder = skipUnlessShared("tokenizer");
  const files = (name: string) => readFileSync(join(folder!, name), "utf8");

  it.runIf(folder)("gives the reference's ids without ftfy's fixes on every row, from tokenizer.json and from vocab.txt", () => {
    for (const source of [{ tokenizerJson: files("tokenizer.json") }, { vocabTxt: files("vocab.txt") }]) {
      const tokenizer = loadTokenizer(source, 256, { cleaning: "without_ftfy" });
      for (const row of rows) expect(tokenizer.encode(row.text), row.text).toEqual(row.ids_no_ftfy);
      expect(rows).toHaveLength(76);
    }
  });

  it.runIf(folder)("gives the raw ids without cleaning, and open_clip's with it, the one mojibake string apart", () => {
    const tokenizerJson = files("tokenizer.json");
    const raw = loadTokenizer({ tokenizerJson }, 256, { cleaning: "none" });
    for (const row of rows) expect(raw.encode(row.text), row.text).toEqual(row.ids_raw);
    const cleaned = loadTokenizer({ tokenizerJson }, 256);
    const wrong = rows.filter((row) => String(cleaned.encode(row.text)) !== String(row.ids_openclip));
    expect(wrong.map((row) => row.text).filter((text) => !/â€|Ã/.test(text))).toEqual([]);
    expect(wrong.length).toBeLessThanOrEqual(1);
  });
});

describe("the embedded model's tokenizer", () => {
  const wanted = JSON.parse(tinyFile("tokenizer_golden.json")) as { text: string; ids: number[] }[];

  it("gives the ids of its golden file, from tokenizer.json and from vocab.txt", () => {
    for (const source of [{ tokenizerJson: tinyFile("tokenizer.json") }, { vocabTxt: tinyFile("vocab.txt") }]) {
      const tokenizer = loadTokenizer(source, 64);
      for (const { text, ids } of wanted) expect(tokenizer.encode(text), text).toEqual(ids);
    }
  });

  it("cuts a long text to the context length and keeps its [SEP]; a batch is trimmed to its longest text", () => {
    const tokenizer = loadTokenizer({ vocabTxt: tinyFile("vocab.txt") }, 16);
    const long = tokenizer.encode("chest ".repeat(500));
    expect(long).toHaveLength(16);
    expect(long.at(-1)).toBe(tokenizer.specials.sep);
    const { ids, mask, shape } = tokenizer.encodeBatch(["chest", "a chest image", ""]);
    expect(shape).toEqual([3, 5]);
    expect(Array.from(mask)).toEqual([1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0]);
    expect(ids[3]).toBe(tokenizer.specials.pad);
  });

  it("never gives an id outside the vocabulary nor more than the context, whatever the text", () => {
    const tokenizer = loadTokenizer({ tokenizerJson: tinyFile("tokenizer.json") }, 64);
    let state = 12345;
    const next = (n: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % n;
    };
    for (let i = 0; i < cases(20_000); i++) {
      const text = String.fromCharCode(...Array.from({ length: next(40) }, () => (next(3) === 0 ? next(0x10000) : 32 + next(96))));
      const ids = tokenizer.encode(text);
      expect(ids.length >= 2 && ids.length <= 64 && ids[0] === tokenizer.specials.cls && ids.at(-1) === tokenizer.specials.sep).toBe(true);
      expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id < tokenizer.vocabularySize)).toBe(true);
    }
  });

  it("refuses files that are damaged or of another kind with a typed error", () => {
    const good = tinyFile("tokenizer.json");
    const broken = [
      good.slice(0, 500),
      good.replaceAll('"WordPiece"', '"BPE"'),
      good.replace('"BertNormalizer"', '"NFC"'),
      good.replace('"[CLS]": 2', '"[CLX]": 2').replace('"[CLS]":2', '"[CLX]":2'),
      good.replace(/"\[UNK\]": ?1/, '"[UNK]": -1'),
      good.replace(/"\[UNK\]": ?1/, '"__proto__": 1'),
      "[]",
    ];
    for (const tokenizerJson of broken) {
      expect(() => loadTokenizer({ tokenizerJson }, 64), tokenizerJson.slice(0, 60)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^(malformed|unsupported)_tokenizer$/) }),
      );
    }
    expect(() => loadTokenizer({}, 64)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(malformed|unsupported)_tokenizer$/) }),
    );
    expect(() => loadTokenizer({ vocabTxt: "a\nb" }, 64)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(malformed|unsupported)_tokenizer$/) }),
    );
  });
});

describe("cleanText", () => {
  it("straightens quotes, ligatures, widths and breaks, and undoes entities twice, as ftfy and open_clip do", () => {
    const table: [string, string][] = [
      ["Bruch’s “membrane”", `Bruch's "membrane"`],
      ["ﬁbrosis ﬄuid", "fibrosis ffluid"],
      ["ＣＴ　ｓｃａｎ", "CT scan"],
      ["a\r\nb\u2028c", "a b c"],
      ["x &amp;lt; y", "x < y"],
      ["bold \u001b[31mred\u001b[0m", "bold red"],
      ["zero\u0000 width\ufeff", "zero width"],
      ["quote \u0092s", "quote 's"],
      ["  two   spaces\t", "two spaces"],
    ];
    for (const [text, wanted] of table) expect(cleanText(text)).toBe(wanted);
  });
});
