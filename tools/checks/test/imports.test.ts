// Circles and upward arrows are found in a bad tree and not in a good one; what is declared is used.
import { describe, expect, it } from "vitest";
import { circles, importGraph, tableProblems, upwardArrows } from "../cycles.mjs";
import { librariesOf, unusedProblems } from "../declared-used.mjs";
import { allowedImports } from "../module-boundaries.mjs";
import { resolver } from "../syntax.mjs";

const at = (name: string) => `packages/model/src/${name}`;
const files = (texts: Record<string, string>) => Object.entries(texts).map(([path, text]) => ({ path, text }));
const ours = [
  { folder: "model", path: "", name: "@biovlm/model", manifest: { exports: { "./node": { "@biovlm/source": "./src/node/index.ts" } } } },
];
const graphOf = (texts: Record<string, string>) => importGraph(files(texts), resolver(new Set(Object.keys(texts)), ours));

describe("circles of imports", () => {
  it("are found through values, types and late imports, in files and across packages", () => {
    const bad = {
      [at("banks/a.ts")]: 'import { b } from "./b.js";',
      [at("banks/b.ts")]: 'import type { C } from "../text/c.js";',
      [at("text/c.ts")]: 'export const late = () => import("../banks/a.js");',
      [at("node/index.ts")]: 'import { use } from "../../../cli/src/use.js";',
      "packages/cli/src/use.ts": 'let x: import("@biovlm/model/node").X;',
    };
    expect(circles(graphOf(bad)).map(({ circle }: { circle: string[] }) => circle.length - 1)).toEqual([3, 2]);
  });

  it("are not seen where there are none", () => {
    const good = {
      [at("banks/a.ts")]: 'import { b } from "./b.js"; import { c } from "../text/c.js";',
      [at("banks/b.ts")]: 'import { c } from "../text/c.js"; // import "./a.js"',
      [at("text/c.ts")]: "export const c = 1;",
    };
    expect(circles(graphOf(good))).toEqual([]);
    expect(graphOf(good).get(at("banks/a.ts"))).toEqual([at("banks/b.ts"), at("text/c.ts")]);
  });
});

describe("upward arrows", () => {
  const layers = { model: [], cli: ["model"] };
  const table = { model: { text: [], banks: ["text"] } };

  it("are found between packages, between rooms, and from a room to what lies above all rooms", () => {
    const bad = graphOf({
      [at("text/a.ts")]: 'import "../banks/b.js";',
      [at("banks/b.ts")]: 'import "../index.js"; import "../../../cli/src/c.js";',
      [at("index.ts")]: "",
      [at("misplaced/d.ts")]: "",
      "packages/cli/src/c.ts": "",
    });
    const problems = upwardArrows(bad, layers, table).join("\n");
    expect(problems).toMatch(/text\/a\.ts imports .*banks\/b\.ts/);
    expect(problems).toMatch(/banks\/b\.ts imports .*src\/index\.ts/);
    expect(problems).toMatch(/model stands below cli/);
    expect(problems).toMatch(/room misplaced/);
    expect(problems.split("\n")).toHaveLength(4);
  });

  it("are not seen where every arrow points down", () => {
    const good = graphOf({
      [at("banks/b.ts")]: 'import "../text/a.js";',
      [at("text/a.ts")]: "",
      [at("index.ts")]: 'export * from "./banks/b.js";',
      "packages/cli/src/c.ts": 'import "../../model/src/text/a.js";',
    });
    expect(upwardArrows(good, layers, table)).toEqual([]);
  });

  it("a table that allows a circle is a problem itself, and the packages' own does not", () => {
    expect(tableProblems("x", { a: ["b"], b: ["c"], c: ["a"] })).toHaveLength(1);
    expect(tableProblems("packages", allowedImports)).toEqual([]);
  });
});

describe("a declared dependency", () => {
  const manifest = { dependencies: { used: "1", "@of/late": "1", idle: "1" }, peerDependencies: { looked: "1" } };
  const text = 'import x from "used/part"; const y = await import("@of/late"); require.resolve("looked/package.json"); // "idle"';

  it("that no source names is found, and one with a reason is not", () => {
    const used = librariesOf("packages/a/src/a.ts", text);
    expect(unusedProblems({ folder: "a", manifest }, used, {})).toMatchObject([expect.stringContaining("declares idle")]);
    expect(unusedProblems({ folder: "a", manifest }, used, { "a > idle": "loaded by its name" })).toEqual([]);
  });

  it("a reason that is not needed is found", () => {
    const used = librariesOf("packages/a/src/b.ts", `import "idle";\n${text}`);
    expect(unusedProblems({ folder: "a", manifest }, used, { "a > idle": "loaded by its name" })).toHaveLength(1);
  });
});
