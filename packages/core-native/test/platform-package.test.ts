// The package of a platform: made by napi-rs's command line of what was built here, packed by npm, installed beside a core-native without a build of
// its own, found and loaded there.

import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withoutProgram } from "@biovlm/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { BUILT, bindingAt, libraryPath } from "../src/binding.js";

const scratch = mkdtempSync(join(tmpdir(), "biovlm-platform-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const root = fileURLToPath(new URL("..", import.meta.url));
const napi = join(root, "napi/node_modules/@napi-rs/cli/dist/cli.js");
const absent = join(scratch, "absent.node");
const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
const ends: Readonly<Record<string, string>> = { linux: header.glibcVersionRuntime === undefined ? "-musl" : "-gnu", win32: "-msvc" };
const host = `${process.platform}-${process.arch}${ends[process.platform] ?? ""}`;

describe("a platform's package", () => {
  it("is found under the name that napi-rs gives it", () => {
    const place = join(scratch, "named/node_modules/@biovlm", `core-native-${host}`);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, "package.json"), JSON.stringify({ name: `@biovlm/core-native-${host}`, main: "library.node" }));
    writeFileSync(join(place, "library.node"), "");
    expect(libraryPath(absent, createRequire(join(scratch, "named/index.js")))).toBe(join(place, "library.node"));
  });

  it("is not asked for where a library was built, and its absence is no error", () => {
    const built = join(scratch, "built.node");
    writeFileSync(built, "");
    expect(libraryPath(built)).toBe(built);
    expect(libraryPath(absent, createRequire(join(scratch, "nowhere.js")))).toBe(absent);
  });

  it.skipIf(withoutProgram("native build") || withoutProgram("napi"))(
    "holds the library that was built, for that platform alone, and loads once npm has installed it (skipped: no native build)",
    () => {
      const place = join(scratch, "release");
      mkdirSync(join(place, "found"), { recursive: true });
      for (const name of ["package.json", "LICENSE", "README.md"]) copyFileSync(join(root, name), join(place, name));
      cpSync(join(root, "binding"), join(place, "binding"), { recursive: true });
      const make = (...words: string[]) =>
        execFileSync(process.execPath, [napi, ...words], { cwd: place, encoding: "utf8", stdio: "pipe" });
      const read = (path: string) => JSON.parse(readFileSync(join(place, path), "utf8"));
      make("create-npm-dirs", "--npm-dir", "npm");
      // the release has a library of each target; here one stands for all
      const names = Object.fromEntries(
        read("package.json").napi.targets.map((target: string) => [target, read(`npm/${platformOf(target)}/package.json`).main]),
      ) as Record<string, string>;
      for (const name of Object.values(names)) copyFileSync(BUILT, join(place, "found", name));
      make("artifacts", "--output-dir", "found", "--npm-dir", "npm");
      make("pre-publish", "--tag-style", "npm", "--npm-dir", "npm", "--no-gh-release", "--skip-optional-publish");
      expect(Object.keys(read("package.json").optionalDependencies)).toContain(`@biovlm/core-native-${host}`);
      expect(read(`npm/${host}/package.json`)).toMatchObject({ os: [process.platform], cpu: [process.arch] });
      const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", scratch], {
        cwd: join(place, "npm", host),
        encoding: "utf8",
      });
      const tarball = join(scratch, JSON.parse(packed)[0].filename);
      const home = join(scratch, "home");
      mkdirSync(home);
      writeFileSync(join(home, "package.json"), JSON.stringify({ name: "home", private: true }));
      execFileSync("npm", ["install", "--offline", "--no-audit", "--no-fund", "--loglevel=error", tarball], { cwd: home });
      const found = libraryPath(absent, createRequire(join(home, "index.js")));
      expect(found).toContain(join("node_modules", "@biovlm", `core-native-${host}`));
      expect(bindingAt(found, {}).binding?.describe()).toMatch(/thread/);
      expect(bindingAt(found, { BIOVLM_NATIVE: "off" }).reason).toBe("BIOVLM_NATIVE=off");
    },
    60_000,
  );
});

/** "linux-x64-gnu" of "x86_64-unknown-linux-gnu". */
function platformOf(target: string): string {
  const [arch = "", , os = "", libc] = target.replace("pc-windows", "pc-win32").split("-");
  return [os, arch === "x86_64" ? "x64" : "arm64", libc].filter((part) => part !== undefined).join("-");
}
