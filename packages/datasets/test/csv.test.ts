// CSV as spreadsheets write it: what is read, what is refused with its row, and that no damaged text does anything else.

import { cases, mutations } from "@biovlm/testkit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { csvLine, csvPath, parseCsv } from "../src/csv.js";
import { DatasetError } from "../src/errors.js";

const codeOf = (text: string, limits?: Parameters<typeof parseCsv>[1]): string => {
  try {
    parseCsv(text, limits);
    return "read";
  } catch (error) {
    if (error instanceof DatasetError) return error.code;
    throw error;
  }
};

describe("parseCsv", () => {
  it("reads commas, semicolons and tabs, found in the header", () => {
    for (const s of [",", ";", "\t"]) {
      expect(parseCsv(`image${s}label\na.png${s}benign\n`)).toEqual({ columns: ["image", "label"], rows: [["a.png", "benign"]] });
    }
  });

  it("reads every line end, a byte order mark, blank lines and a last line without an end alike", () => {
    const wanted = {
      columns: ["a", "b"],
      rows: [
        ["1", "2"],
        ["3", "4"],
      ],
    };
    for (const text of ["a,b\n1,2\n3,4", "a,b\r\n1,2\r\n3,4\r\n", "a,b\r1,2\r3,4\r", "\ufeffa,b\n\n1,2\n\n3,4\n\n"])
      expect(parseCsv(text)).toEqual(wanted);
  });

  it("reads quoted fields with separators, quotes and line ends inside", () => {
    expect(parseCsv('name,note\n"a, b","says ""x""\nand more"\n').rows).toEqual([["a, b", 'says "x"\nand more']]);
  });

  it("trims column names and refuses one that stands twice, whatever its case", () => {
    expect(parseCsv(" Image , Label \n1,2\n").columns).toEqual(["Image", "Label"]);
    expect(() => parseCsv("dx,DX\n1,2\n")).toThrow(/column names that differ, got one twice/);
  });

  it("names the row whose fields are too few or too many", () => {
    expect(() => parseCsv("a,b\n1,2\n3\n")).toThrow(/2 fields in row 3, got 1/);
    expect(() => parseCsv("a,b\n1,2,3\n")).toThrow(/2 fields in row 2, got 3/);
  });

  it("refuses an open quote, text after a closing quote, UTF-16 and a table without rows", () => {
    expect(codeOf('a,b\n"1,2\n')).toBe("bad_file");
    expect(codeOf('a,b\n"1"x,2\n')).toBe("bad_file");
    expect(() => parseCsv("a\0,\0b\0")).toThrow(/perhaps UTF-16/);
    for (const text of ["", "a,b", "a,b\n", "\n\n"]) expect(codeOf(text)).toBe("bad_file");
  });

  it("refuses what is longer, wider or higher than the limits", () => {
    expect(codeOf("a,b\n1,2\n", { maxLength: 5 })).toBe("too_large");
    expect(codeOf("a,b\n1,2\n3,4\n", { maxRows: 1 })).toBe("too_large");
    expect(codeOf("a,b,c\n1,2,3\n", { maxColumns: 2 })).toBe("too_large");
  });

  it("is written so that no field is a formula of a spreadsheet, numbers are, and names come back but for the space", () => {
    const hostile = ["=1+1", "+x", "-b", "@SUM(A1)", "\t=x", "\r=x", "\n=x", "＝x", "-1+1|cmd", "=a;b", '=HYPERLINK("x")'];
    for (const text of hostile) {
      const line = csvLine([text, 1]);
      expect(line).not.toMatch(/^"?[=+\-@\t\r\n＝]/);
      expect(parseCsv(`a,b\n${line}\n`).rows[0]).toEqual([` ${text}`, "1"]);
    }
    expect(csvLine(["-0.5", "-1e-7", "-.5", -2, "p(=a)", "a-b", ""])).toBe("-0.5,-1e-7,-.5,-2,p(=a),a-b,");
    expect(["=d/x.png", "-1.png", "d/=x.png"].map(csvPath)).toEqual(["./=d/x.png", "./-1.png", "d/=x.png"]);
  });

  it("gives back any table that was written with quotes", () => {
    const field = fc.string({ unit: "binary", maxLength: 12 }).filter((text) => !text.includes("\0"));
    const table = fc
      .integer({ min: 2, max: 5 })
      .chain((columns) => fc.array(fc.array(field, { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 8 }));
    fc.assert(
      fc.property(table, (rows) => {
        const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
        const columns = Array.from({ length: rows[0]?.length ?? 0 }, (_, i) => `c${i}`);
        const text = [columns, ...rows].map((row) => row.map(quote).join(",")).join("\r\n");
        expect(parseCsv(text)).toEqual({ columns, rows });
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it("R1: answers damaged lists with a table of equal rows or a typed error", () => {
    const sound = new TextEncoder().encode(
      `image,label,patient\n${Array.from({ length: 40 }, (_, i) => `p/${i}.png,"a ${i % 3}",${i}`).join("\n")}\n`,
    );
    let refused = 0;
    for (const bytes of mutations(7, sound, cases(1000))) {
      const text = new TextDecoder().decode(bytes);
      try {
        const { columns, rows } = parseCsv(text);
        for (const row of rows) expect(row).toHaveLength(columns.length);
      } catch (error) {
        expect(error).toBeInstanceOf(DatasetError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(0);
  });
});
