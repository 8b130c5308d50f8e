// What needs the compiler to know what a name means: options that nothing reads, and exported names with their docstrings.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, describe, expect, it } from "vitest";
import { optionReads, typedByHand } from "../options-read.mjs";
import { exportedNames, surfaceProblems } from "../public-surface.mjs";

const folder = mkdtempSync(join(tmpdir(), "biovlm-checks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function programOf(texts: Record<string, string>) {
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text);
  const files = Object.keys(texts).map((name) => join(folder, name));
  return ts.createProgram(files, { strict: true, noLib: true, module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 });
}

describe("an option", () => {
  const spec = (body: string) => `
    declare function define<const S>(spec: { options: S; run(options: { readonly [K in keyof S]: string }): void }): void;
    interface Rows { readonly handed: string }
    declare function rows(given: Rows): void;
    define({ options: {
      plain: { type: "text", description: "a" },
      taken: { type: "text", description: "b" },
      handed: { type: "text", description: "c" },
      idle: { type: "text", description: "d" },
    }, run(options) { ${body} } });
    export function use(given: Rows) { return given.handed; }`;
  const unread = (body: string) =>
    optionReads(programOf({ "command.ts": spec(body) }), (file: string) => file.startsWith(folder))
      .declared.filter(({ read }) => !read)
      .map(({ node }) => node.name.getText());

  it("is read by its name, by taking it apart, or by who it is handed on to; the one that is not is found", () => {
    expect(unread("options.plain; const { taken } = options; rows(options);")).toEqual(["idle"]);
  });

  it("is not read where it is only handed on to what does not know it", () => {
    expect(unread("options.plain; options.taken; options.idle;")).toEqual(["handed"]);
  });
});

describe("an option of a package's table", () => {
  const texts = (engine: string) => ({
    "table.ts":
      'export const TABLE = { used: { type: "integer", description: "a" }, idle: { type: "integer", description: "b" } } as const;\nexport type Given = { readonly [K in keyof typeof TABLE]: number };\n',
    "engine.ts": `import type { Given } from "./table.js";\nexport function work(given: Given) { ${engine} }\n`,
    "cli.ts": 'import type { Given } from "./table.js";\nexport const hand = ({ used, idle }: Given) => ({ used, idle });\n',
  });
  const unread = (engine: string, table: string | undefined) =>
    optionReads(
      programOf(texts(engine)),
      (file: string) => file.startsWith(folder) && /(table|engine|cli)\.ts$/.test(file),
      () => table,
    )
      .declared.filter(({ read }) => !read)
      .map(({ node }) => node.name.getText());

  it("is read where its own package reads it, not where another hands it on", () => {
    expect(unread("return given.used;", undefined)).toEqual([]);
    // these files belong to no package: what "engine" would have to read is read by nobody of it
    expect(unread("return given.used;", "engine")).toEqual(["used", "idle"]);
  });

  it("is not typed again as a flag", () => {
    expect(typedByHand(["top", "threads", "json"], ["threads", "device"])).toEqual(["threads"]);
  });
});

describe("the names of an entry", () => {
  const program = programOf({
    "inner.ts":
      "/** A box. */\nexport interface Box { x: number }\nexport const bare = 1;\n/** Opens. */\nexport function open(): void {}\n",
    "index.ts": 'export { type Box, bare, open as begin } from "./inner.js";\n',
  });
  const names = exportedNames(program, join(folder, "index.ts"));

  it("are values and types with their docstrings, through what they are exported from", () => {
    expect(names).toEqual([
      { name: "Box", documented: true },
      { name: "bare", documented: false },
      { name: "begin", documented: true },
    ]);
  });

  it("are a problem without a docstring, and where there are more than allowed", () => {
    expect(surfaceProblems("a", names, 3)).toMatchObject([expect.stringContaining("bare without a docstring")]);
    expect(surfaceProblems("a", names, 2)).toHaveLength(2);
  });
});
