import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type AnyCommand, kebab } from "../src/command.js";
import { COMMANDS, DESCRIPTION, EPILOGUE, GROUPS } from "../src/command-table.js";
import { CliError, reportError } from "../src/errors.js";
import { parse } from "../src/parser.js";
import { referencePage } from "../src/reference.js";
import { optionsOf, readConfigFiles, resolveOptions } from "../src/settings.js";
import { printable, wantsColor } from "../src/terminal.js";
import { base, call, ENVIRONMENT, folder } from "./call.js";

const root = join(import.meta.dirname, "../../..");
const parsed = (words: readonly string[]) =>
  parse(words, COMMANDS, { version: "0", groups: GROUPS, description: DESCRIPTION, epilogue: EPILOGUE, columns: 100, color: false });

/** Words of a command line as a shell splits it; quotes and comments only. */
function words(line: string): string[] {
  return [...line.replace(/\s#.*$/, "").matchAll(/"([^"]*)"|(\S+)/g)].map((m) => m[1] ?? m[2]!);
}

describe("help", () => {
  it("of every command names each of its options, on stdout, with exit code 0", async () => {
    for (const command of COMMANDS) {
      const { code, out, err } = await call([...command.name.split(" "), "--help"]);
      expect([command.name, code, err]).toEqual([command.name, 0, ""]);
      for (const key of Object.keys(optionsOf(command))) expect(out).toContain(`--${kebab(key)}`);
    }
  });

  it("is what no words give, and names every command and group", async () => {
    const { code, out } = await call([]);
    expect(code).toBe(0);
    for (const { name } of COMMANDS) expect(out).toMatch(new RegExp(`^ {2}${name.split(" ")[0]}\\b`, "m"));
  });

  it("equals docs/cli.md", () => {
    expect(readFileSync(join(root, "docs/cli.md"), "utf8")).toBe(referencePage(COMMANDS, GROUPS));
  });

  it("gives examples that parse, as do the command lines of the README", () => {
    const examples = COMMANDS.flatMap((c) => (c.examples ?? []).map((e) => e.command)).filter((line) => line.startsWith("biovlm "));
    const readme = readFileSync(join(root, "README.md"), "utf8");
    const shown = [...readme.matchAll(/^npm run -s biovlm -- (.+)$/gm)].map((m) => `biovlm ${m[1]}`);
    expect(shown.length).toBeGreaterThan(3);
    for (const line of [...examples, ...shown]) expect(parsed(words(line).slice(1)).kind, line).toBe("run");
  });
});

describe("a wrong command line", () => {
  it.each([
    [["clasify", "x"], "unknown_command", "Did you mean classify?"],
    [["classify", "x", "--clas", "a"], "unknown_option", "Did you mean --class?"],
    [["bulk", "work", "x", "--volumes"], "unknown_option", "--volumes is an option of classify, "],
    [["classify"], "missing_argument", "Run biovlm classify --help."],
    [["classify", "x", "--class"], "missing_value", "Run biovlm classify --help."],
    [["models"], "missing_command", "Run biovlm models --help."],
    [["models", "pul", "x"], "unknown_command", "Did you mean pull?"],
    [["doctor", "extra"], "too_many_arguments", "Run biovlm doctor --help."],
    [["classify", "x", "--class", "a", "--device", "wasn"], "bad_value", "Did you mean wasm?"],
    [["classify", "x", "--class", "a", "--top", "0"], "bad_value", undefined],
    [["classify", "x", "--class", "a", "--rho", "1.5"], "bad_value", undefined],
    [["classify", "x", "--class", "a", "--max-image-bytes", "5 parsecs"], "bad_value", undefined],
    [["classify", "x", "--dataset", "bsui"], "unknown_dataset", "Did you mean busi?"],
    [["classify", "x"], "no_classes", "--dataset NAME with one of"],
    [["classify", "x", "--class", "a", "--dataset", "busi"], "bad_usage", "Drop one of them."],
    [["classify", "x", "--class", "a", "--json", "--jsonl"], "bad_usage", undefined],
    [["embed", "x", "--out", "y.txt"], "bad_usage", undefined],
    [["completion", "fihs"], "unknown_shell", "Did you mean fish?"],
  ])("%j is refused as %s, with exit code 2 and nothing on stdout", async (line, code, remedy) => {
    const { code: exit, out, err } = await call(line);
    expect(exit).toBe(2);
    expect(out).toBe("");
    expect(err).toContain(`error[${code}]: `);
    if (remedy !== undefined) expect(err).toContain(remedy);
    expect(err).not.toMatch(/^ {4}at /m);
  });

  it("shows a stack only with --debug", async () => {
    expect((await call(["clasify", "--debug"])).err).toMatch(/^ {4}at /m);
  });
});

describe("settings", () => {
  const classify = COMMANDS.find((c) => c.name === "classify")!;
  const at = async (cwd: string, env: Record<string, string>, flags: Record<string, unknown> = {}, command: AnyCommand = classify) =>
    resolveOptions(command, flags, { ...ENVIRONMENT, ...env }, await readConfigFiles(cwd, { ...ENVIRONMENT, ...env }, COMMANDS));

  it("come from the flag, else the variable, else the project's config, else the user's, else the default", async () => {
    const project = folder("project");
    const below = join(project, "a", "b");
    mkdirSync(below, { recursive: true });
    const user = join(project, "user.json");
    expect((await at(below, {}))["top"]).toBe(5);
    writeFileSync(user, '{"top": 6}');
    expect((await at(below, { BIOVLM_CONFIG: user }))["top"]).toBe(6);
    writeFileSync(join(project, "biovlm.config.json"), '{"top": 7}');
    expect((await at(below, { BIOVLM_CONFIG: user }))["top"]).toBe(7);
    expect((await at(below, { BIOVLM_CONFIG: user, BIOVLM_TOP: "8" }))["top"]).toBe(8);
    expect((await at(below, { BIOVLM_CONFIG: user, BIOVLM_TOP: "8" }, { top: "9" }))["top"]).toBe(9);
  });

  it("that the manifests' ConfigMap gives are settings of serve", async () => {
    const file = join(root, "deploy/kubernetes/components/config/biovlm.config.json");
    const serve = COMMANDS.find((c) => c.name === "serve")!;
    const given = (JSON.parse(readFileSync(file, "utf8")) as { serve: Record<string, unknown> }).serve;
    const resolved = await at(folder("pod"), { BIOVLM_CONFIG: file }, {}, serve);
    expect(Object.keys(given).length).toBeGreaterThan(2);
    for (const [key, value] of Object.entries(given))
      expect(resolved[Object.keys(optionsOf(serve)).find((name) => kebab(name) === key)!], key).toBe(value);
  });

  it("of a command's own section win over the shared ones", async () => {
    const project = folder("project");
    writeFileSync(join(project, "biovlm.config.json"), '{"threads": 1, "embed": {"threads": 2}}');
    expect((await at(project, {}))["threads"]).toBe(1);
    expect((await at(project, {}, {}, COMMANDS.find((c) => c.name === "embed")!))["threads"]).toBe(2);
  });

  it.each([
    ["a misspelt option", '{"devise": "cpu"}', "unknown_key", "Did you mean device?"],
    ["a misspelt option of a command", '{"classify": {"tpo": 3}}', "unknown_key", "Did you mean top?"],
    ["an option that is no setting", '{"class": "a"}', "unknown_key", ""],
    ["a command that holds no object", '{"classify": 3}', "bad_config", ""],
    ["a text for a number", '{"top": "many"}', "bad_value", "a whole number from 1 to 10000"],
    ["a list for a number", '{"top": [1]}', "bad_value", ""],
    ["an object for a choice", '{"device": {"a": 1}}', "bad_value", ""],
    ["a list", "[1]", "bad_config", "expected a JSON object"],
    ["null", "null", "bad_config", "expected a JSON object"],
    ["a key without quotes", "{top: 3}", "bad_config", "is not JSON"],
    ["nothing", "", "bad_config", "is not JSON"],
    ["__proto__", '{"__proto__": {"top": 3}}', "bad_config", "other than __proto__"],
    ["a key twice", '{"top": 3, "top": 4}', "bad_config", "is not JSON"],
    ["constructor", '{"constructor": {"top": 3}}', "unknown_key", ""],
    ["200 000 open brackets", "[".repeat(200_000), "bad_config", "is not JSON"],
    ["more than 1 MiB", `{"top": ${" ".repeat(2 ** 20)}3}`, "bad_config", "at most 1 MiB"],
  ])("in a file with %s are refused", async (_what, text, code, message) => {
    const project = folder("project");
    writeFileSync(join(project, "biovlm.config.json"), text);
    const result = await call(["classify", "x.png", "--class", "a"], { cwd: project });
    expect([result.code, result.out]).toEqual([2, ""]);
    expect(result.err).toContain(`error[${code}]: `);
    expect(result.err).toContain(message);
    expect(({} as { top?: unknown }).top).toBeUndefined();
  });

  it("in a wrong variable are refused, and a variable that means nothing is told", async () => {
    const wrong = await call(["classify", "x.png", "--class", "a"], { env: { BIOVLM_THREADS: "two" } });
    expect(wrong.code).toBe(2);
    expect(wrong.err).toContain("bad value of BIOVLM_THREADS");
    const unknown = await call(["completion", "bash"], { env: { BIOVLM_DEVISE: "cpu" } });
    expect(unknown.code).toBe(0);
    expect(unknown.err).toContain("warning: the variable BIOVLM_DEVISE means nothing and is not read; did you mean BIOVLM_DEVICE?");
    expect((await call(["completion", "bash", "-q"], { env: { BIOVLM_DEVISE: "cpu" } })).err).toBe("");
  });

  it("leave alone what Kubernetes sets for a Service of this name, and only that", async () => {
    // as a pod gets it of a Service called biovlm, and of one called biovlm-metrics
    const links = (service: string, port: number) => ({
      [`${service}_SERVICE_HOST`]: "10.96.1.2",
      [`${service}_SERVICE_PORT`]: String(port),
      [`${service}_SERVICE_PORT_HTTP`]: String(port),
      [`${service}_PORT`]: `tcp://10.96.1.2:${port}`,
      [`${service}_PORT_${port}_TCP`]: `tcp://10.96.1.2:${port}`,
      [`${service}_PORT_${port}_TCP_PROTO`]: "tcp",
      [`${service}_PORT_${port}_TCP_PORT`]: String(port),
      [`${service}_PORT_${port}_TCP_ADDR`]: "10.96.1.2",
    });
    const env = { ...links("BIOVLM", 80), ...links("BIOVLM_METRICS", 9464), BIOVLM_TRACE: "1" };
    const serve = COMMANDS.find(({ name }) => name === "serve")!;
    const free = resolveOptions(serve, {}, { BIOVLM_TRACE: "1" }, []);
    expect(resolveOptions(serve, {}, env, [])).toEqual(free);
    expect((await call(["completion", "bash"], { env })).err).toBe("");
    // the same words without their fellows are the user's, and wrong
    for (const name of ["BIOVLM_PORT", "BIOVLM_METRICS_PORT"])
      expect(() => resolveOptions(serve, {}, { [name]: "tcp://10.96.1.2:80" }, [])).toThrow(new RegExp(`bad value of ${name}`));
    expect((await call(["completion", "bash"], { env: { BIOVLM_SERVICE_HOST: "10.96.1.2" } })).err).toContain("means nothing");
  });

  it("keep --quiet from the environment", async () => {
    expect((await call(["completion", "bash"], { env: { BIOVLM_DEVISE: "cpu", BIOVLM_QUIET: "1" } })).err).toBe("");
  });
});

describe("colours", () => {
  it.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: "1" }, false],
    [true, { NO_COLOR: "" }, true],
    [true, { TERM: "dumb" }, false],
    [false, { FORCE_COLOR: "1" }, true],
    [true, { FORCE_COLOR: "0" }, false],
    [false, { FORCE_COLOR: "1", NO_COLOR: "1" }, true],
  ])("on a terminal %s with %j: %s", (isTTY, env, wanted) => {
    expect(wantsColor({ isTTY }, env)).toBe(wanted);
  });

  it("reach the help only where they are wanted", async () => {
    expect((await call(["--help"], { env: { FORCE_COLOR: "1" } })).out).toContain("\u001b[1m");
    expect((await call(["--help"], { tty: true, env: { NO_COLOR: "1" } })).out).not.toContain("\u001b");
  });
});

describe("errors of any kind", () => {
  it.each([
    [Object.assign(new Error("x"), { code: "integrity" }), "integrity", 4],
    [Object.assign(new Error("x"), { code: "no_backend" }), "no_backend", 5],
    [Object.assign(new Error("x"), { code: "not_found" }), "not_found", 3],
    [Object.assign(new Error("x"), { code: "bad_name" }), "bad_name", 2],
    [Object.assign(new Error("x"), { code: "malformed_safetensors" }), "malformed_safetensors", 1],
    [Object.assign(new Error("ENOSPC: no space"), { code: "ENOSPC" }), "disk_full", 1],
    [Object.assign(new Error("ENOENT: no such file or directory, open 'x'"), { code: "ENOENT", path: "x" }), "not_found", 3],
    [new CliError("bad_usage", 2, "x"), "bad_usage", 2],
    [new TypeError("x is not a function"), "internal_error", 1],
    ["a thrown text", "internal_error", 1],
    [undefined, "internal_error", 1],
    [null, "internal_error", 1],
    [new Error(""), "internal_error", 1],
  ])("%s becomes %s and exit code %d", (error, code, exitCode) => {
    expect(reportError(error)).toMatchObject({ code, exitCode });
    expect(reportError(error).message).not.toContain("[biovlm:");
  });
});

describe("text from outside", () => {
  it("cannot move the cursor, colour, ring or turn the direction of writing", () => {
    expect(printable("a\u001b[31mb\r\n\u0007\u202ec\u2066\u0085é漢.png")).toBe("a\\x1b[31mb\\x0d\\x0a\\x07\\u{202e}c\\u{2066}\\x85é漢.png");
  });

  it("is made harmless in errors about paths", async () => {
    const { code, err } = await call(["classify", `${base}/\u001b[2Jgone\n.png`, "--class", "a"]);
    expect(code).toBe(3);
    expect(err).not.toContain("\u001b");
    expect(err).toContain("\\x1b[2Jgone\\x0a.png");
  });
});
