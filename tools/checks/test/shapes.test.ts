// Lengths, folders, assertions, skips, the weight of tests and second implementations: each found in a bad text, and none in a good one.
import { describe, expect, it } from "vitest";
import { folderProblems } from "../folder-size.mjs";
import { longFunctions } from "../function-length.mjs";
import { hooksAtHead } from "../helper-hooks.mjs";
import { nonNullCount } from "../non-null.mjs";
import { secondsOf, walksFolders, withoutComments } from "../one-of-each.mjs";
import { ratioOf } from "../test-ratio.mjs";
import { silentReturns } from "../test-skips.mjs";

const lines = (count: number) => "  step();\n".repeat(count);

describe("a function", () => {
  it("of 80 lines passes and one of 81 does not, whatever its form", () => {
    expect(longFunctions("a.ts", `function a() {\n${lines(78)}}\n`)).toEqual([]);
    expect(longFunctions("b.ts", `function a() {\n${lines(79)}}\n`)).toMatchObject([{ name: "a", lines: 81, line: 1 }]);
    expect(longFunctions("c.ts", `\nconst b = async () => {\n${lines(79)}};\n`)).toMatchObject([{ name: "b", line: 2 }]);
    expect(longFunctions("d.ts", `class C {\n  m() {\n${lines(79)}  }\n}\n`)).toMatchObject([{ name: "m" }]);
    expect(longFunctions("e.ts", `run(function () {\n${lines(79)}});\n`)).toMatchObject([{ name: "a function given to run()" }]);
  });

  it("that is a list of tests may be longer, and what it defines may not", () => {
    expect(longFunctions("f.ts", `describe.each([1])("x", () => {\n${lines(200)}});\n`)).toEqual([]);
    expect(longFunctions("g.ts", `describe("x", () => {\nfunction inner() {\n${lines(79)}}\n});\n`)).toHaveLength(1);
  });
});

describe("a folder", () => {
  const paths = (count: number) => Array.from({ length: count }, (_, i) => `packages/model/src/banks/f${i}.ts`);
  it("of model holds at most fifteen files, each folder for itself", () => {
    expect(folderProblems([...paths(15), "packages/model/src/banks/inner/x.ts"])).toEqual([]);
    expect(folderProblems(paths(16))).toHaveLength(1);
    expect(folderProblems(paths(16).map((path) => path.replace("model", "cli")))).toEqual([]);
  });
});

it("assertions are counted by what they are, not by their sign", () => {
  expect(nonNullCount("h.ts", 'a! + b![0]!.c; if (!d) e !== f; // g!\n"h!";')).toBe(3);
});

describe("a return in a test", () => {
  const found = (body: string) => silentReturns("t.ts", `it("x", async (ctx) => {${body}});`).length;

  it("before the first expectation counts as passed, which is found", () => {
    expect(found("if (!there) return; expect(1).toBe(1);")).toBe(1);
    expect(found("if (!there) { console.log('skipped: none'); return; } expect(1).toBe(1);")).toBe(1);
    expect(found("if (!there) return console.log('skipped: none'); expect(1).toBe(1);")).toBe(1);
    expect(found("expect(1).toBe(1); if (!there) return console.log('skipped: none'); expect(2).toBe(2);")).toBe(1);
    expect(silentReturns("u.ts", 'describe.each(x)("y", () => { if (!there) return; it("z", () => {}); });')).toHaveLength(1);
  });

  it("is let be where it skips, judges, hands on a promise, or belongs to a function within", () => {
    expect(found("if (!there) return ctx.skip('none'); expect(1).toBe(1);")).toBe(0);
    expect(found("if (!there) { ctx.skip('none'); return; } expect(1).toBe(1);")).toBe(0);
    expect(found("if (!there) return expect.unreachable(); expect(1).toBe(1);")).toBe(0);
    expect(found("const f = () => { return 1; }; expect(f()).toBe(1);")).toBe(0);
    expect(found("return run();")).toBe(0);
  });
});

describe("a helper of tests", () => {
  const found = (text: string) => hooksAtHead("h.ts", text).map(({ what }) => what);

  it("that has hooks or changes the environment where it is evaluated does so for the first file alone, which is found", () => {
    expect(found("afterAll(() => done());")).toEqual(["afterAll(…)"]);
    expect(found("if (soak) { vi.stubEnv('A', '1'); }")).toEqual(["vi.stubEnv(…)"]);
    for (const text of [
      'process.env["A"] = "1";',
      'process.env.A ??= "1";',
      "delete process.env.A;",
      "Object.assign(process.env, { A: 1 });",
    ])
      expect(found(text), text).toEqual(["a change of process.env"]);
  });

  it("may do so where it is called", () => {
    expect(found("export function begin() { beforeAll(open); afterAll(() => close()); }")).toEqual([]);
    expect(found("export const begin = () => { process.env.A = '1'; };")).toEqual([]);
    expect(found('const all = process.env.A === "1" ? 100 : 10; const { HOME } = process.env;')).toEqual([]);
  });
});

it("tests are weighed in lines, the suite that a package publishes among them, what is generated left out", () => {
  const weigh = ratioOf([
    { path: "packages/a/src/a.ts", text: "1\n2\n3\n4\n" },
    { path: "packages/a/src/testing/suite.ts", text: "1\n" },
    { path: "packages/a/test/a.test.ts", text: "1\n" },
  ]);
  expect(weigh).toEqual({ tests: 2, sources: 4, ratio: 0.5 });
});

describe("a second implementation", () => {
  const table = [{ concept: "name rule", home: /^home\.ts$/, marks: /\{0,63\}/, use: "use it", elsewhere: {} as Record<string, string> }];
  const home = { path: "home.ts", text: "/a{0,63}/" };

  it("is found outside its home, unless a reason is given; a mark in a comment is none", () => {
    expect(secondsOf([home, { path: "other.ts", text: "/a{0,63}/" }], table)).toHaveLength(1);
    expect(secondsOf([home, { path: "third.ts", text: "// as in /a{0,63}/\nlet x;" }], table)).toEqual([]);
    const excused = table.map((rule) => ({ ...rule, elsewhere: { "part/": "reasons" } }));
    expect(secondsOf([home, { path: "part/b.ts", text: "/a{0,63}/" }], excused)).toEqual([]);
    expect(secondsOf([home], excused)).toMatchObject([expect.stringContaining("needs no excuse")]);
  });

  it("of a folder walk is known by recursion, by a loop and by the option, and one listing is no walk", () => {
    expect(walksFolders("w1.ts", "const visit = async (d) => { for (const e of await readdir(d)) await visit(e); };")).toBe(true);
    expect(walksFolders("w2.ts", "while (queue.length) names.push(...readdirSync(queue.pop()));")).toBe(true);
    expect(walksFolders("w3.ts", "await readdir(folder, { recursive: true });")).toBe(true);
    expect(walksFolders("w4.ts", "async function list(d) { for (const e of await readdir(d)) use(e); }")).toBe(false);
  });

  it("comments go and everything else stays in its line", () => {
    expect(withoutComments("x.ts", 'const a = "// no"; /* yes */ b; // yes\nc;')).toBe('const a = "// no";           b;       \nc;');
  });
});
