// The README's learning example, taken from its text and run as it stands by a shell, on a folder of class/name.png and nothing else.

import { execFile } from "node:child_process";
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { readBank } from "@biovlm/model";
import { beforeAll, describe, expect, it } from "vitest";
import { ENVIRONMENT, folder, writeClasses } from "./call.js";
import { compile, main } from "./program.js";

const root = join(import.meta.dirname, "../../..");
const readme = readFileSync(join(root, "README.md"), "utf8");
beforeAll(compile, 300_000);

/** Lines of the first shell block below a heading. */
function block(heading: string): string[] {
  const section = readme.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  const [, lines] = /```sh\n([\s\S]*?)```/.exec(section ?? "") ?? [];
  return lines?.trim().split("\n") ?? [];
}

describe("the README", () => {
  it("learns first from a folder alone, and the command line works as printed", { timeout: 240_000 }, async () => {
    const [learn, use] = block("Learn from your own images");
    expect(readme).toMatch(/A folder with one subfolder for each class \(`class\/name\.png`\) is enough/);
    // the first mention of train in the whole text is this one
    expect(/^.*biovlm -- train .*$/m.exec(readme)?.[0]).toBe(learn);
    const [, scans, out] = /^npm run -s biovlm -- train (\S+)\/ --out (\S+)$/.exec(learn!) ?? [];
    expect([learn, scans, out]).toEqual([learn, expect.any(String), expect.any(String)]);

    const cwd = folder("reader");
    // stands for the checkout: the same script by the same name
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> };
    expect(scripts["biovlm"]).toBe("node packages/cli/dist/main.js");
    writeFileSync(join(cwd, "package.json"), JSON.stringify({ private: true, scripts: { biovlm: `node "${main}"` } }));
    writeClasses(join(cwd, scans!), 3, 6);
    const shell = (line: string) =>
      promisify(execFile)("sh", ["-c", line], { cwd, env: { ...process.env, ...ENVIRONMENT, NODE_OPTIONS: "" } });

    const learned = await shell(learn!);
    expect(learned.stdout).toMatch(/^on \d+ images not learned from$/m);
    expect(learned.stderr).toContain("10 template sentences per class form the teacher");
    expect(readBank(readFileSync(join(cwd, out!))).classes).toEqual(readdirSync(join(cwd, scans!)).sort());
    expect(readdirSync(cwd).sort()).toEqual(["package.json", scans, out].sort());

    const [kind] = readdirSync(join(cwd, scans!));
    const image = /classify (\S+)/.exec(use!)![1]!;
    copyFileSync(join(cwd, scans!, kind!, readdirSync(join(cwd, scans!, kind!))[0]!), join(cwd, image));
    const answer = await shell(use!);
    expect(answer.stdout).toContain(image);
    expect(existsSync(join(cwd, out!))).toBe(true);
  });
});
