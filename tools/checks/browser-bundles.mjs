// core, graph, imaging, model, training and datasets bundle for a browser: no node: import is left, no Node-only library is pulled in, and
// the gzipped size stays within a budget. Bundled from the built files, as a user's bundler would.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { portable, portableEntries } from "./module-boundaries.mjs";
import { packages, root } from "./workspace.mjs";

/**
 * Budgets in kB gzipped, minified, with everything the package imports, also what it loads late. A size that grows past its budget needs a reason
 * in the commit. Of imaging's, 35 are for TIFF (the reader, and zstddec's WebAssembly as text): they are loaded with the first TIFF that needs them.
 */
export const budgets = { core: 60, graph: 40, imaging: 95, datasets: 120, model: 190, training: 600 };

/** Libraries that exist for Node alone and must not reach a browser. */
const nodeOnly = /node_modules\/(sharp|yauzl|onnxruntime-node)\//;

/** Bundles one package's main entry; what esbuild or we object to comes back as problems. */
export async function bundle(name, options = {}) {
  try {
    const result = await build({
      stdin: { contents: `export * from ${JSON.stringify(name)};`, resolveDir: options.resolveDir ?? process.cwd(), loader: "js" },
      bundle: true,
      write: false,
      minify: true,
      format: "esm",
      platform: "browser",
      target: "es2022",
      metafile: true,
      logLevel: "silent",
      conditions: ["browser", "import", "module"],
    });
    const text = result.outputFiles[0].text;
    const problems = [];
    for (const input of Object.keys(result.metafile.inputs))
      if (nodeOnly.test(input)) problems.push(`${name} pulls ${input} into the browser — import it below src/node only.`);
    const left = /(?:from|import\(?|require\()\s*["'](node:[a-z/]+)["']/.exec(text);
    if (left !== null) problems.push(`${name}: the bundle still imports ${left[1]} — move the importer below src/node.`);
    return { problems, bytes: gzipSync(text, { level: 9 }).length };
  } catch (error) {
    const messages = error.errors ?? [{ text: String(error), location: null }];
    const lines = messages
      .slice(0, 5)
      .map(
        (message) =>
          `${name} does not bundle for browsers: ${message.text}${message.location ? ` (${message.location.file}:${message.location.line})` : ""} — keep node: below src/node.`,
      );
    return { problems: lines, bytes: 0 };
  }
}

/** @type {import("./workspace.mjs").Check} */
export const browserBundles = {
  name: "browser bundles",
  async run() {
    const problems = [];
    const notes = [];
    for (const entry of portableEntries) {
      const { problems: found, bytes } = await bundle(entry, { resolveDir: root });
      problems.push(...found);
      notes.push(`${entry} ${(bytes / 1024).toFixed(1)} kB`);
    }
    for (const { folder, name, path } of packages().filter((entry) => portable.includes(entry.folder))) {
      const { problems: found, bytes } = await bundle(name, { resolveDir: path });
      problems.push(...found);
      const kb = bytes / 1024;
      if (found.length === 0 && kb > budgets[folder])
        problems.push(
          `${name} is ${kb.toFixed(1)} kB gzipped; ${budgets[folder]} are allowed — find what grew, or raise the budget with a reason in tools/checks/browser-bundles.mjs.`,
        );
      notes.push(`${folder} ${kb.toFixed(1)} kB`);
    }
    return { problems, notes: [`gzipped: ${notes.join(", ")}`] };
  },
};
