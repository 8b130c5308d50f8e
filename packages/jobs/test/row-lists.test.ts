// Lists are names from outside: what is no row of them is refused by its line, and none leads out of the source.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { folderRows, folderStore, isRowList, listRows, planJob } from "../src/index.js";
import { FACTS, place } from "./made-up-job.js";

const list = (name: string, text: string | Uint8Array) => {
  const path = join(place(), name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
};
const all = async <T>(rows: AsyncIterable<T>) => {
  const found: T[] = [];
  for await (const row of rows) found.push(row);
  return found;
};
const SHA = "a".repeat(64);

describe("a list of images", () => {
  it.each(["a.csv", "b.CSV", "c.jsonl", "d.ndjson"])("is told by its name: %s", (name) => expect(isRowList(name)).toBe(true));

  it("is CSV with a header, quotes and a byte order mark, under any usual name of the path", async () => {
    const path = list("a.csv", `\ufeffPatient,Image_Path,SIZE,sha256\r\n1,"x, y.png",12,\r\n\r\n2,b/c.dcm,,${SHA.toUpperCase()}\r\n`);
    expect(await all(listRows(path))).toEqual([
      { uri: "x, y.png", size: 12 },
      { uri: "b/c.dcm", sha256: SHA },
    ]);
  });

  it("is a JSON object a line, whatever the blocks that it is read in", async () => {
    const rows = Array.from({ length: 3000 }, (_, i) => ({ uri: `ä/${"x".repeat(i % 97)}-${i}.png`, size: i }));
    const path = list("a.jsonl", `${rows.map((row) => JSON.stringify({ ...row, more: [1] })).join("\n\n")}\n`);
    expect(await all(listRows(path))).toEqual(rows);
  });

  it.each([
    ["a.csv", "path\n../x.png\n", 2],
    ["a.csv", "path\n/etc/passwd\n", 2],
    ["a.csv", "path\nok.png\na//b.png\n", 3],
    ["a.csv", 'path,size\n"a.png\n', 2],
    ["a.csv", "path,size\na.png\n", 2],
    ["a.csv", "path,size\na.png,many\n", 2],
    ["a.csv", "path,sha256\na.png,abc\n", 2],
    ["a.csv", "name\na.png\n", 2],
    ["a.jsonl", '{"uri":"a.png","etag":"a\\r\\nx-more: 1"}\n', 1],
    ["a.csv", `path,etag\na.png,${"x".repeat(300)}\n`, 2],
    ["a.csv", `path\n${"x".repeat(70_000)}\n`, undefined],
    ["a.jsonl", '{"uri":"a.png"}\n{"uri":"b/./c.png"}\n', 2],
    ["a.jsonl", '{"uri":"a.png"}\n\n["b.png"]\n', 3],
    ["a.jsonl", '{"uri":"a.png"}\n{"uri":', 2],
    ["a.jsonl", '{"uri":"a\\u0000.png"}\n', 1],
    ["a.jsonl", `{"uri":"${"x".repeat(200_000)}"}\n`, 1],
  ])("refuses %s that is %j by its line", async (name, text, line) => {
    const failed = all(listRows(list(name, text)));
    await expect(failed).rejects.toMatchObject({ code: "bad_list" });
    if (line !== undefined) await expect(failed).rejects.toThrow(`line ${line} —`);
  });

  it("takes an etag as stores and tools write it, quoted or not", async () => {
    const path = list("etags.csv", 'path,etag,size\na.png,"""0af1-2""",3\nb.png,0af1-2,\nc.png,,\n');
    expect(await all(listRows(path))).toEqual([
      { uri: "a.png", size: 3, etag: '"0af1-2"' },
      { uri: "b.png", etag: '"0af1-2"' },
      { uri: "c.png" },
    ]);
  });

  it("stops at its signal", async () => {
    const stop = new AbortController();
    const rows = listRows(list("a.csv", "path\na\nb\nc\n"), { signal: stop.signal });
    expect((await rows.next()).value).toEqual({ uri: "a" });
    stop.abort(new Error("stopped"));
    await expect(rows.next()).rejects.toThrow("stopped");
  });
});

describe("a folder of images", () => {
  it("is walked in the order of its paths, DICOM found by content, what is left out counted", async () => {
    const folder = place();
    const dicom = Buffer.concat([Buffer.alloc(128), Buffer.from("DICM")]);
    for (const [name, bytes] of [
      ["b.png", ""],
      ["a/IM0001", dicom],
      ["a-b.png", ""],
      ["a/notes", "x"],
    ] as const) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), bytes);
    }
    const leftOut = new Map<string, number>();
    expect(await all(folderRows(folder, { leftOut }))).toEqual([{ uri: "a-b.png" }, { uri: "a/IM0001" }, { uri: "b.png" }]);
    expect(Object.fromEntries(leftOut)).toEqual({ "not an image": 1 });
  });

  it.each(["../a.png", "/a.png", "", "a/../../b.png", "a\0.png"])("gives no plan with the path %j", async (uri) => {
    const store = folderStore(place());
    await expect(planJob(store, [{ uri }], { source: "/images", facts: FACTS })).rejects.toMatchObject({ code: "bad_argument" });
  });
});
