// What a user of a published package meets: every exports path is built, loads in Node and has types; publint agrees; the tarball holds the
// build, the sources, a licence and a README, and nothing else. Needs `npm run build` first.
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { packages, root, shown } from "./workspace.mjs";

const run = promisify(execFile);

/** Largest tarball in bytes; model-tiny carries weights, the demo carries onnxruntime's wasm and the model. */
const mostPacked = { "model-tiny": 12 << 20, demo: 40 << 20, default: 1 << 20 };

/** Entries that need what a bare Node process does not give, with the reason. */
const notLoaded = new Set(["@biovlm/model/testing" /* imports vitest */]);

/** Imports modules by their addresses in one bare Node process; undefined where all load and nothing keeps the process, else what it said. */
async function loadProblem(addresses) {
  const script = `for (const address of ${JSON.stringify(addresses)}) await import(address);`;
  try {
    await run(process.execPath, ["--input-type=module", "-e", script], { cwd: root, timeout: 60_000 });
    return undefined;
  } catch (error) {
    return String(error.stderr || error.message)
      .trim()
      .split("\n")
      .slice(-6)
      .join(" | ");
  }
}

/** Entries that do not load: all in one process, and each in one of its own only where that one fails. @param {{specifier: string, address: string}[]} entries */
export async function loadProblems(entries) {
  if ((await loadProblem(entries.map(({ address }) => address))) === undefined) return [];
  const said = [];
  for (const { specifier, address } of entries) said.push({ specifier, problem: await loadProblem([address]) });
  const problems = said
    .filter(({ problem }) => problem !== undefined)
    .map(({ specifier, problem }) => `${specifier} does not load in Node: ${problem} — its build or an import is broken.`);
  return problems.length > 0 ? problems : ["each entry loads in Node, but not all in one process — an import changes what another needs."];
}

function entryProblems({ path, name, manifest }) {
  const [problems, loaded] = [[], []];
  for (const [subpath, target] of Object.entries(manifest.exports ?? {})) {
    if (typeof target === "string") {
      if (!target.includes("*") && !existsSync(join(path, target)))
        problems.push(`${name} exports ${subpath} → ${target}, which is not there — build it or drop it.`);
      continue;
    }
    for (const [condition, file] of Object.entries(target)) {
      if (!existsSync(join(path, file)))
        problems.push(`${name} exports ${subpath} (${condition}) → ${file}, which is not there — run npm run build, or correct the path.`);
    }
    if (target.types === undefined) problems.push(`${name} exports ${subpath} without types — add the .d.ts as its "types" condition.`);
    const specifier = name + subpath.slice(1);
    const file = join(path, target.default ?? "");
    if (notLoaded.has(specifier) || !existsSync(file)) continue;
    loaded.push({ specifier, address: pathToFileURL(file).href });
  }
  for (const [command, file] of Object.entries(manifest.bin ?? {})) {
    const target = join(path, file);
    if (!existsSync(target)) problems.push(`${name} has no ${file} for its command ${command} — run npm run build.`);
    else if (!readFileSync(target, "utf8").startsWith("#!/usr/bin/env node"))
      problems.push(`${shown(target)} does not begin with #!/usr/bin/env node — add it.`);
  }
  return { problems, loaded };
}

/** What npm would pack, by package name, from one run of npm: its start costs more than a package. @returns {Promise<Map<string, {files: {path: string}[], size: number}>>} */
async function packed(all) {
  const words = ["pack", "--dry-run", "--json", "--ignore-scripts", "--loglevel=error", ...all.map(({ folder }) => `./packages/${folder}`)];
  const { stdout } = await run("npm", words, { cwd: root, maxBuffer: 1 << 26 });
  return new Map(JSON.parse(stdout).map((tarball) => [tarball.name, tarball]));
}

async function tarballProblems({ folder, path, name, manifest }, { files, size }) {
  const problems = [];
  const held = new Set(files.map((file) => file.path));
  for (const needed of ["LICENSE", "README.md", "package.json"])
    if (!held.has(needed)) problems.push(`the tarball of ${name} lacks ${needed} — add the file to packages/${folder}.`);
  for (const file of held) {
    if (/(^|\/)(test|tests|scratch|bench|node_modules|coverage)\/|\.tsbuildinfo$|\.test\.[jt]s$|(^|\/)\.env/.test(file))
      problems.push(`the tarball of ${name} holds ${file} — narrow "files" in its package.json.`);
  }
  const most = mostPacked[folder] ?? mostPacked.default;
  if (size > most) problems.push(`the tarball of ${name} has ${size} bytes; ${most} are allowed — see what grew with npm pack --dry-run.`);
  const licence = join(path, "LICENSE");
  if (existsSync(licence) && readFileSync(licence, "utf8") !== readFileSync(join(root, "LICENSE"), "utf8"))
    problems.push(`packages/${folder}/LICENSE differs from the root's — copy it.`);
  // what publint sees is what npm packs, and no more
  const contents = files.map((file) => ({ name: `package/${file.path}`, data: readFileSync(join(path, file.path)) }));
  const { messages } = await publint({ pkgDir: "package", strict: true, pack: { files: contents } });
  for (const message of messages) {
    if (message.type !== "suggestion") problems.push(`${name}: publint says ${formatMessage(message, manifest, { color: false })}`);
  }
  return { problems, note: `${name} ${Math.ceil(size / 1024)} kB` };
}

/** One version for all of ours, exact versions between ours, one version of a library everywhere, the same engines. */
export function versionProblems(all) {
  const problems = [];
  const seen = new Map();
  const ours = new Map(all.map(({ name, manifest }) => [name, manifest.version]));
  for (const { name, manifest } of all) {
    if (manifest.engines?.node !== ">=20.19") problems.push(`${name} has engines.node ${manifest.engines?.node} — write ">=20.19".`);
    if (manifest.sideEffects !== false)
      problems.push(`${name} does not say "sideEffects": false — backends are values, nothing registers on import.`);
    if (manifest.license !== "Apache-2.0") problems.push(`${name} has license ${manifest.license} — write "Apache-2.0".`);
    for (const field of ["dependencies", "optionalDependencies", "devDependencies"]) {
      for (const [library, version] of Object.entries(manifest[field] ?? {})) {
        if (ours.has(library) && ours.get(library) !== version)
          problems.push(`${name} wants ${library} ${version} but it is ${ours.get(library)} — let changesets write versions.`);
        const before = seen.get(library);
        if (before !== undefined && before.version !== version)
          problems.push(`${name} wants ${library} ${version}, ${before.name} wants ${before.version} — agree on one.`);
        seen.set(library, { name, version });
      }
    }
  }
  return problems;
}

/** @type {import("./workspace.mjs").Check} */
export const packageExports = {
  name: "exports and tarballs",
  async run() {
    const all = packages();
    const problems = versionProblems(all);
    const notes = [];
    const loaded = [];
    const tarballs = await packed(all);
    for (const entry of all) {
      const entries = entryProblems(entry);
      const tarball = await tarballProblems(entry, tarballs.get(entry.name));
      loaded.push(...entries.loaded);
      problems.push(...entries.problems, ...tarball.problems);
      notes.push(tarball.note);
    }
    problems.push(...(await loadProblems(loaded)));
    return { problems, notes: [notes.join(", ")] };
  },
};
