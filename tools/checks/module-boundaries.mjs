// Who may import whom (docs/architecture.md), which packages must run in a browser, and that every library used is declared.
import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, posix } from "node:path";
import { importsOf, packageOf, packages, read, sourceFiles } from "./workspace.mjs";

/** Folder → folders it may import. A package that is not listed fails the check: decide where it stands, here and in the docs. */
export const allowedImports = {
  files: [],
  core: [],
  "core-native": ["core"],
  graph: [],
  imaging: [],
  datasets: ["files"],
  dicomweb: ["files", "imaging"],
  jobs: ["files"],
  model: ["files", "core", "graph"],
  "model-tiny": ["files", "model"],
  "backend-cuda": ["files", "model"],
  "backend-web": ["files", "model"],
  engine: ["files", "core", "core-native", "graph", "imaging", "datasets", "model", "model-tiny", "backend-cuda", "backend-web"],
  // images are handed in, opened and decoded (TrainingImage, ReadItem): what does that in Node is the engine, which both do without
  training: ["files", "core", "graph", "model", "datasets", "imaging"],
  evaluation: ["files", "core", "graph", "model", "datasets", "imaging", "training"],
  server: ["files", "core", "graph", "imaging", "datasets", "model", "model-tiny", "backend-cuda", "backend-web", "engine"],
  cli: [
    "files",
    "core",
    "core-native",
    "graph",
    "imaging",
    "datasets",
    "model",
    "model-tiny",
    "backend-cuda",
    "backend-web",
    "engine",
    "training",
    "evaluation",
    "server",
    "dicomweb",
    "jobs",
    "demo",
  ],
  demo: ["files", "core", "graph", "imaging", "datasets", "model", "model-tiny", "backend-web", "engine", "training", "evaluation"],
};

/** These run in browsers: node: only below src/node, which nothing outside it imports. */
export const portable = ["files", "core", "graph", "imaging", "datasets", "model", "training", "evaluation"];

/** Entries of other packages that run in browsers, too: they are bundled as those packages are. */
export const portableEntries = ["@biovlm/engine/images"];

/** Runtimes a backend wraps, and who may name them. */
const runtimes = {
  "onnxruntime-node": ["backend-cuda"],
  "onnxruntime-web": ["backend-web", "demo"],
  "onnxruntime-common": ["backend-cuda", "backend-web"],
};

/** Thin edges compute nothing: calls that betray numerics, and the files that may use them with the reason. */
const numerics = /\bMath\.(exp|expm1|log|log1p|log2|tanh|pow)\b|\bFloat64Array\b/;
const thin = { cli: [/^phantoms\//, /* draws the quickstart's images */ /^commands\/quickstart/], server: [], demo: [] };

export function boundaryProblems(folder, file, text, { names, manifest }) {
  const problems = [];
  const where = `packages/${folder}/src/${file}`;
  const inNode = file.startsWith("node/");
  const declared = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies };
  const development = { ...manifest.devDependencies };
  for (const specifier of importsOf(text)) {
    if (specifier.startsWith(".")) {
      const target = posix.normalize(posix.join(posix.dirname(file), specifier));
      if (target.startsWith("..")) problems.push(`${where} imports ${specifier}, outside its src — import the other package by name.`);
      if (portable.includes(folder) && !inNode && target.startsWith("node/")) {
        problems.push(`${where} imports ${specifier} — files outside src/node must run in a browser; inject what they need.`);
      }
      continue;
    }
    if (specifier.startsWith("node:") || isBuiltin(specifier)) {
      if (!specifier.startsWith("node:")) problems.push(`${where} imports "${specifier}" — write "node:${specifier}".`);
      if (portable.includes(folder) && !inNode)
        problems.push(`${where} imports ${specifier} — move it below src/node (exported as ./node).`);
      continue;
    }
    const library = packageOf(specifier);
    const target = names.get(library);
    if (target !== undefined) {
      if (target !== folder && !allowedImports[folder]?.includes(target)) {
        problems.push(
          `${where} imports ${library} — packages/${folder} may import only [${allowedImports[folder]?.join(", ") ?? ""}] (docs/architecture.md).`,
        );
      }
      if (specifier.endsWith("/node") && portable.includes(folder) && !inNode) {
        problems.push(`${where} imports ${specifier} — the ./node entries are for src/node only.`);
      }
    }
    const owners = runtimes[library];
    if (owners !== undefined && !owners.includes(folder))
      problems.push(`${where} imports ${library} — only [${owners.join(", ")}] may; take an Encoder instead.`);
    const bundled = folder === "demo" && library in development;
    if (library !== manifest.name && !(library in declared) && !bundled) {
      problems.push(`${where} imports ${library}, which packages/${folder}/package.json does not declare — add it to its dependencies.`);
    }
  }
  const except = thin[folder];
  if (except !== undefined && !except.some((pattern) => pattern.test(file))) {
    const hit = text.split("\n").findIndex((line) => numerics.test(line) && !/^\s*(\/\/|\*)/.test(line));
    if (hit >= 0)
      problems.push(
        `${where}:${hit + 1} computes (${numerics.exec(text.split("\n")[hit])[0]}) — ${folder} is a thin edge: put the numerics into core, model or training.`,
      );
  }
  return problems;
}

/** Optional libraries: imported late only (never a static value import), and named with their version in one constant of the source. */
function optionalProblems({ folder, path, manifest }, files) {
  const problems = [];
  const optional = { ...manifest.optionalDependencies };
  for (const [library, meta] of Object.entries(manifest.peerDependenciesMeta ?? {})) {
    if (meta.optional) optional[library] = manifest.peerDependencies[library];
  }
  for (const [library, version] of Object.entries(optional)) {
    const texts = files.map((file) => [file, readFileSync(join(path, "src", file), "utf8")]);
    const escaped = library.replaceAll("/", "\\/");
    const early = new RegExp(`^(import|export)\\s+(?!type\\b)[^;]*?from\\s+["']${escaped}(\\/[^"']*)?["']`, "m");
    for (const [file, text] of texts) {
      if (early.test(text))
        problems.push(
          `packages/${folder}/src/${file} imports the optional ${library} on load — use import() at first use, or import type.`,
        );
    }
    if (!texts.some(([, text]) => text.includes(`"${library}", version: "${version}"`))) {
      problems.push(
        `packages/${folder} does not declare its optional ${library} — add one constant { name: "${library}", version: "${version}" } to its source.`,
      );
    }
  }
  return problems;
}

/** tsc -b must see the same graph as the manifests. */
function referenceProblems({ folder, manifest }, names) {
  if (folder === "demo") return [];
  const { references = [] } = JSON.parse(read(`packages/${folder}/tsconfig.json`));
  const referenced = references.map(({ path }) => path.replace("../", "")).sort();
  const depends = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })
    .filter((name) => names.has(name))
    .map((name) => names.get(name))
    .sort();
  // the page has no types and no exports: whoever serves it takes its built files
  const compiled = depends.filter((name) => name !== "demo");
  const problems = [];
  if (String(referenced) !== String(compiled)) {
    problems.push(
      `packages/${folder}/tsconfig.json references [${referenced}] but package.json depends on [${compiled}] — make both the same.`,
    );
  }
  for (const target of depends) {
    if (!allowedImports[folder]?.includes(target))
      problems.push(`packages/${folder}/package.json depends on ${target}, which docs/architecture.md does not allow — remove it.`);
  }
  return problems;
}

/** @type {import("./workspace.mjs").Check} */
export const moduleBoundaries = {
  name: "module boundaries",
  async run() {
    const all = packages();
    const names = new Map(all.map(({ name, folder }) => [name, folder]));
    const problems = [];
    let count = 0;
    for (const entry of all) {
      const { folder, path, manifest } = entry;
      if (allowedImports[folder] === undefined)
        problems.push(`packages/${folder} is not in tools/checks/module-boundaries.mjs — say there what it may import.`);
      const files = sourceFiles(path);
      for (const file of files)
        problems.push(...boundaryProblems(folder, file, readFileSync(join(path, "src", file), "utf8"), { names, manifest }));
      problems.push(...optionalProblems(entry, files), ...referenceProblems(entry, names));
      count += files.length;
    }
    return { problems, notes: [`${count} source files of ${all.length} packages`] };
  },
};
