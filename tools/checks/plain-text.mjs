// What must not stand in a committed file: paths of one machine, unfinished marks, big or private data. Words are put together from pieces
// so that this file passes its own check.
import { statSync } from "node:fs";
import { extname, join } from "node:path";
import { projectFiles, read, root } from "./workspace.mjs";

const binary = new Set([
  ".safetensors",
  ".png",
  ".bmp",
  ".pbm",
  ".pgm",
  ".ppm",
  ".pam",
  ".jp2",
  ".j2k",
  ".jpg",
  ".jpeg",
  ".webp",
  ".tif",
  ".tiff",
  ".wasm",
  ".npz",
  ".npy",
  ".bin",
  ".pt",
  ".onnx",
  ".ico",
  ".woff2",
  ".dcm",
  ".gz",
]);

const machinePath = new RegExp(`(?<![\\w.@~-])/(${["work", "root", "home/[a-z]+", "Users/[A-Za-z]+"].join("|")})/`);
const temporaryPath = new RegExp(`["'\`\\s(]/${"tmp"}/[A-Za-z0-9]`);
const unfinished = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "XX" + "X"].join("|")})\\b`);
const rules = [
  [machinePath, "names a path of one machine — make it relative to the project, or an environment variable"],
  [temporaryPath, "names a temporary path — use os.tmpdir() and mkdtemp"],
  [unfinished, "is marked unfinished — finish it, or open an issue and remove the mark"],
];

/** Largest committed file, in bytes, and the exceptions with their reason. */
const mostBytes = 1 << 20;
const large = {
  "packages/model-tiny/files/model.safetensors": 16 << 20, // the embedded model
  "package-lock.json": 4 << 20,
};

/** Files git must not hold: BiomedCLIP's tokenizer and any medical image data belong to others. The phantoms among the goldens are ours. */
const foreign = [/\.npz$/, /^(?!tools\/goldens\/data\/dicom\/).*\.dcm$/, /^data\//, /(^|\/)open_clip_pytorch_model\.bin$/];

export function textProblems(path, text) {
  const problems = [];
  for (const [index, line] of text.split("\n").entries()) {
    for (const [pattern, what] of rules) {
      const hit = pattern.exec(line);
      if (hit !== null) problems.push(`${path}:${index + 1} ${what} (${hit[0].trim()}).`);
    }
  }
  return problems;
}

/** @type {import("./workspace.mjs").Check} */
export const plainText = {
  name: "committed text and data",
  async run() {
    const problems = [];
    for (const path of projectFiles()) {
      const { size } = statSync(join(root, path));
      const most = large[path] ?? (path.startsWith("tools/goldens/") ? 8 << 20 : mostBytes);
      if (size > most)
        problems.push(
          `${path} has ${size} bytes; ${most} are allowed — make it on the fly in the test, or state the exception in tools/checks/plain-text.mjs.`,
        );
      if (foreign.some((pattern) => pattern.test(path))) problems.push(`${path} is data of others — remove it from the project.`);
      if (binary.has(extname(path)) || path === "package-lock.json" || /^(tools\/oracle|packages\/model-tiny\/files)\//.test(path))
        continue;
      problems.push(...textProblems(path, read(path)));
    }
    return { problems };
  },
};
