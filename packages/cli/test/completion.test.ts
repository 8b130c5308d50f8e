import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { withoutProgram } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { kebab } from "../src/command.js";
import { COMMANDS, GROUPS } from "../src/command-table.js";
import { completionScript, SHELLS } from "../src/completion.js";
import { optionsOf } from "../src/settings.js";
import { folder } from "./call.js";

/** What bash would offer for the line, the last word being completed. */
function offered(...line: string[]): string[] {
  const script = `${completionScript("bash", COMMANDS, GROUPS)}
COMP_WORDS=(biovlm ${line.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${line.length}; _biovlm; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync("bash", ["--norc", "-c", script], { encoding: "utf8", cwd: import.meta.dirname });
  expect([status, stderr]).toEqual([0, ""]);
  return stdout.split("\n").filter((text) => text !== "");
}

describe.skipIf(withoutProgram("bash"))("completion in bash", () => {
  it("offers commands, members of a group, options and their choices", () => {
    expect(offered("cl")).toEqual(["classify"]);
    expect(offered("models", "")).toEqual(["pull", "import", "ls", "verify", "rm", "bundle"]);
    expect(offered("classify", "--de").sort()).toEqual(["--debug", "--deterministic", "--device"]);
    expect(offered("classify", "x.png", "--device", "w")).toEqual(["webgpu", "wasm"]);
    expect(offered("models", "pull", "x", "--rev")).toEqual(["--revision"]);
    expect(offered("completion", "")).toEqual([...SHELLS]);
  });

  it("offers files where a path is meant and nothing where a text is", () => {
    expect(offered("classify", "comp")).toEqual(["completion.test.ts"]);
    expect(offered("classify", "x", "--class", "comp")).toEqual([]);
  });
});

describe("every completion script", () => {
  it.each(SHELLS)("for %s names every command and option", (shell) => {
    const script = completionScript(shell, COMMANDS, GROUPS);
    for (const command of COMMANDS) {
      for (const word of command.name.split(" ")) expect(script).toContain(word);
      for (const key of Object.keys(optionsOf(command)))
        expect(script).toContain(shell === "fish" ? `-l ${kebab(key)}` : `--${kebab(key)}`);
    }
  });

  it.for(SHELLS)("for %s is accepted by that shell, where it is installed", (shell, ctx) => {
    if (withoutProgram(shell)) return ctx.skip(`skipped: no ${shell}`);
    const file = join(folder("completion"), `script.${shell}`);
    writeFileSync(file, completionScript(shell, COMMANDS, GROUPS));
    const { status, stderr } = spawnSync(shell, ["-n", file], { encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
  });
});
