// The attribute sets that come with the package, and what an attribute file may be.

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  type AttributeSet,
  attributeSentences,
  attributeSet,
  datasetClasses,
  fillTemplate,
  listDatasets,
  parseAttributeSet,
} from "../src/index.js";

const folder = join(dirname(fileURLToPath(import.meta.url)), "../data/attributes");
const small = (): AttributeSet => ({
  dataset: "toy",
  modality: "toy",
  template: "a {class} with {attribute}",
  classes: [
    { id: 0, name: "round", attributes: ["no corner"] },
    { id: 1, name: "square", attributes: ["four corners"] },
  ],
});

describe("known data sets", () => {
  it("are the files of data/attributes, unchanged and valid", async () => {
    const files = readdirSync(folder).map((file) => file.replace(".json", ""));
    expect(listDatasets()).toEqual(files.sort());
    expect(files).toHaveLength(15);
    for (const name of files) {
      const text = readFileSync(join(folder, `${name}.json`), "utf8");
      expect(await parseAttributeSet(text)).toEqual(attributeSet(name));
      expect(attributeSet(name).dataset).toBe(name);
      for (const { attributes } of attributeSet(name).classes) expect(new Set(attributes).size).toBe(10);
    }
  });

  it("give classes in label order and one sentence per attribute", () => {
    expect(datasetClasses("busi")).toEqual(["benign tumor", "malignant tumor", "normal breast tissue"]);
    const sentences = attributeSentences(attributeSet("busi"));
    expect(sentences.map((row) => row.length)).toEqual([10, 10, 10]);
    expect(sentences[0]![0]).toBe("a breast ultrasound image of benign tumor, with smooth well-circumscribed oval dark mass");
  });

  it("are found whatever the case, and a near miss names its neighbour", () => {
    expect(datasetClasses("BUSI")).toHaveLength(3);
    expect(() => attributeSet("bussi")).toThrow(/unknown data set "bussi".*Did you mean "busi"\?/);
    expect(() => attributeSet("zzzzzzzzzz")).toThrow(/Choose one of these/);
  });

  it.each([
    "",
    ".",
    "..",
    "../busi",
    "busi/..",
    "a/b",
    "a\\b",
    "busi\0",
    "busi\n",
    " busi",
    "%2e%2e",
    "-busi",
    "x".repeat(65),
    "ｂusi",
    "__proto__x/",
    7 as unknown as string,
  ])("refuse the name %j before looking anything up", (name) => {
    expect(() => attributeSet(name)).toThrow(expect.objectContaining({ code: "bad_name" }));
  });

  it("do not know names of Object.prototype", () => {
    for (const name of ["constructor", "toString", "hasOwnProperty", "valueOf"])
      expect(() => attributeSet(name)).toThrow(expect.objectContaining({ code: "unknown_dataset" }));
  });

  it("hand out copies", () => {
    attributeSet("busi").classes[0]!.name = "changed";
    expect(datasetClasses("busi")[0]).toBe("benign tumor");
  });
});

describe("templates", () => {
  it("take text with placeholders and dollar signs as it is", () => {
    expect(fillTemplate("{class}: {attribute} {class}", "$& {attribute}", "$1")).toBe("$& {attribute}: $1 $& {attribute}");
  });
});

describe("attribute files", () => {
  it("load what checks them when the first is read, not with the package", () => {
    const hook = `export const resolve = (name, context, next) => {
      if (name.startsWith("typebox")) throw new Error("asked for " + name);
      return next(name, context);
    }`;
    const script = `
      import { register } from "node:module";
      register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)});
      const { listDatasets, parseAttributeSet } = await import(${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)});
      console.log(listDatasets().length);
      await parseAttributeSet("{}").catch((error) => console.log(error.message));`;
    const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(stdout).toBe("15\nasked for typebox/schema\n");
  });

  it("are read from text or from a value", async () => {
    expect(await parseAttributeSet(JSON.stringify(small()))).toEqual(small());
    expect(await parseAttributeSet(small())).toEqual(small());
    expect(await parseAttributeSet(`\ufeff${JSON.stringify(small())}`)).toEqual(small());
  });

  it.each([
    ["a missing part", { ...small(), classes: undefined }],
    ["an unknown key", { ...small(), note: "x" }],
    ["no classes", { ...small(), classes: [] }],
    ["ids out of order", { ...small(), classes: [...small().classes].reverse() }],
    ["a class twice", { ...small(), classes: small().classes.map((entry) => ({ ...entry, name: "round" })) }],
    ["blank attributes", { ...small(), classes: [{ id: 0, name: "a", attributes: ["  "] }] }],
    ["unequal numbers of attributes", { ...small(), classes: [small().classes[0]!, { id: 1, name: "b", attributes: ["x", "y"] }] }],
    ["a template without the class", { ...small(), template: "{attribute}" }],
    ["a template without the attribute", { ...small(), template: "{class}" }],
    ["a name that is a path", { ...small(), dataset: "../x" }],
    ["an array instead", []],
    ["nothing", null],
  ])("with %s are refused", async (_, value) => {
    await expect(parseAttributeSet(JSON.parse(JSON.stringify(value)))).rejects.toThrow(expect.objectContaining({ code: "bad_attributes" }));
  });

  it.each([
    ["a key twice", '{"a":1,"a":2}'],
    ["a key twice under an escape", '{"a":1,"\\u0061":2}'],
    ["__proto__", '{"__proto__":{"polluted":1}}'],
    ["NaN", '{"id":NaN}'],
    ["deep nesting", "[".repeat(5000) + "]".repeat(5000)],
    ["an open string", '{"a":"'],
    ["nothing in it", ""],
    ["two values", "{} {}"],
  ])("of JSON with %s are refused and pollute nothing", async (_, text) => {
    await expect(parseAttributeSet(text)).rejects.toThrow(expect.objectContaining({ code: "bad_file" }));
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
