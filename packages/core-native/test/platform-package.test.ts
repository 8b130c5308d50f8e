// The package of a platform: made, packed by npm, installed beside a core-native without a build of its own, found and loaded there.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { BUILT, bindingAt, libraryPath } from "../src/binding.js";

const scratch = mkdtempSync(join(tmpdir(), "biovlm-platform-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const script = fileURLToPath(new URL("../scripts/platform-package.mjs", import.meta.url));
const make = (...args: string[]) => execFileSync(process.execPath, [script, ...args], { encoding: "utf8", stdio: "pipe" });
const read = (path: string) => JSON.parse(readFileSync(path, "utf8"));
const absent = join(scratch, "absent.node");
const glibc =
  (process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }).header.glibcVersionRuntime !== undefined;
const ends: Readonly<Record<string, string>> = { linux: glibc ? "-gnu" : "-musl", win32: "-msvc" };
const host = `${process.platform}-${process.arch}${ends[process.platform] ?? ""}`;

describe("a platform's package", () => {
  it("is for that platform alone, of core-native's version, and is named at publishing", () => {
    const library = join(scratch, "some.node");
    writeFileSync(library, "a library");
    for (const target of ["linux-x64-gnu", "linux-arm64-musl", "darwin-arm64", "win32-x64-msvc"])
      make(target, library, join(scratch, "npm"));
    const { version } = read(fileURLToPath(new URL("../package.json", import.meta.url)));
    const linux = read(join(scratch, "npm/linux-x64-gnu/package.json"));
    expect(linux).toMatchObject({ name: "@biovlm/core-native-linux-x64-gnu", version, os: ["linux"], cpu: ["x64"], libc: ["glibc"] });
    expect(read(join(scratch, "npm/win32-x64-msvc/package.json")).libc).toBeUndefined();
    const manifest = join(scratch, "manifest.json");
    writeFileSync(manifest, JSON.stringify({ name: "x", dependencies: { y: "1" } }));
    make("--name-in", manifest, join(scratch, "npm"));
    expect(read(manifest).dependencies).toEqual({ y: "1" });
    expect(Object.keys(read(manifest).optionalDependencies)).toEqual(
      ["darwin-arm64", "linux-arm64-musl", "linux-x64-gnu", "win32-x64-msvc"].map((target) => `@biovlm/core-native-${target}`),
    );
    expect(() => make("plan9-x64", library, scratch)).toThrow(/expected one like linux-x64-gnu/);
  });

  it("is not asked for where a library was built, and its absence is no error", () => {
    const built = join(scratch, "built.node");
    writeFileSync(built, "");
    expect(libraryPath(built)).toBe(built);
    expect(libraryPath(absent, createRequire(join(scratch, "nowhere.js")))).toBe(absent);
  });

  it.skipIf(!existsSync(BUILT))(
    "is found once npm has installed it, and its library loads (skipped: no native build)",
    () => {
      make(host, BUILT, join(scratch, "host"));
      const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", scratch], {
        cwd: join(scratch, "host", host),
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
