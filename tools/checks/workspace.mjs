// The workspace as the checks see it: packages with their manifests, committed and new files, imports of a source file. No check lives here.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/**
 * @typedef {{folder: string, path: string, name: string, manifest: Record<string, any>}} Package
 * A published package: folder "core", path absolute, name "@biovlm/core".
 * @typedef {{name: string, run: () => Promise<{problems: string[], notes?: string[], skipped?: string}>, module?: string}} Check
 * A problem is one line that ends with its remedy; a note is a measured figure. With `module`, its own file's address, it runs beside the
 * others in a thread.
 */

/** @returns {Package[]} sorted by folder */
export function packages() {
  return readdirSync(join(root, "packages"))
    .filter((folder) => existsSync(join(root, "packages", folder, "package.json")))
    .sort()
    .map((folder) => {
      const path = join(root, "packages", folder);
      const manifest = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
      return { folder, path, name: manifest.name, manifest };
    });
}

/** Files git knows or would add, relative to the root with forward slashes; deleted ones left out. */
export function projectFiles() {
  const text = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  return [...new Set(text.split("\0"))].filter((path) => path !== "" && existsSync(join(root, path))).sort();
}

/** TypeScript sources of a package, relative to its src folder; generated ones left out. */
export function sourceFiles(path) {
  const src = join(path, "src");
  if (!existsSync(src)) return [];
  return readdirSync(src, { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => /\.(ts|tsx|mts)$/.test(file) && !file.startsWith("generated/"))
    .sort();
}

/** Every module a source names: import, export from, import(), require, import type. */
export function importsOf(text) {
  return ts.preProcessFile(text, true, true).importedFiles.map((file) => file.fileName);
}

/** The package part of a bare specifier: "@a/b/c" → "@a/b", "x/y" → "x". */
export function packageOf(specifier) {
  const parts = specifier.split("/");
  return specifier.startsWith("@") ? parts.slice(0, 2).join("/") : parts[0];
}

export const read = (path) => readFileSync(join(root, path), "utf8");
export const shown = (path) => relative(root, path).replaceAll("\\", "/");
