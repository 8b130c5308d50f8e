// From a file's bytes to stored values, one thread, beside pydicom with pylibjpeg: rounds of each in turn, processor time, medians.
// Run: npm run build && node packages/imaging/bench/dicom-decode.mjs FOLDER --python PYTHON
// FOLDER holds the test files of pydicom and cornerstone (as `data/images/dicom` of the shared data does); PYTHON has pydicom and its plugins.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { wasmCodecs } from "../dist/dicom/codecs/wasm-codecs.js";
import { openDicom } from "../dist/dicom/dicom-image.js";
import { installedCodecs } from "../dist/node/installed-codecs.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { python: { type: "string", default: "python3" }, rounds: { type: "string", default: "9" } },
});
const [folder] = positionals;
if (folder === undefined) throw new Error("expected the folder of test files, got none");

const CT = "cornerstone/CTImage.dcm";
const FILES = [
  ["uncompressed, CT 512²", `${CT}_LittleEndianExplicitTransferSyntax_1.2.840.10008.1.2.1.dcm`],
  ["uncompressed, CT 128²", "pydicom/CT_small.dcm"],
  ["JPEG lossless .70, CT 512²", `${CT}_JPEGProcess14SV1TransferSyntax_1.2.840.10008.1.2.4.70.dcm`],
  ["JPEG lossless .57, CT 512²", `${CT}_JPEGProcess14TransferSyntax_1.2.840.10008.1.2.4.57.dcm`],
  ["JPEG 2000 lossless, CT 512²", `${CT}_JPEG2000LosslessOnlyTransferSyntax_1.2.840.10008.1.2.4.90.dcm`],
  ["JPEG 2000, CT 512²", `${CT}_JPEG2000TransferSyntax_1.2.840.10008.1.2.4.91.dcm`],
  ["JPEG 2000, X-ray 1760²", "pydicom-data/RG3_J2KI.dcm"],
];
/** Processor seconds of one side in one round. */
const ROUND = 0.3;

const python = spawn(values.python, [join(import.meta.dirname, "dicom_decode.py")], {
  stdio: ["pipe", "pipe", "inherit"],
  env: { ...process.env, OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" },
});
const answers = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
console.log(`Node ${process.versions.node}; ${(await answers.next()).value}`);

async function theirs(count, path) {
  python.stdin.write(`${count} ${path}\n`);
  const { value, done } = await answers.next();
  if (done) throw new Error("the Python side ended: it needs pydicom, numpy and pylibjpeg's plugins");
  const [seconds, sum] = value.split(" ").map(Number);
  return { each: seconds / count, sum };
}

const reading = { maxPixels: 25_000_000, maxInflated: 64 * 1024 * 1024, codecs: wasmCodecs(installedCodecs) };
async function ours(count, path) {
  const bytes = new Uint8Array(readFileSync(path));
  let stored;
  const start = process.cpuUsage();
  for (let i = 0; i < count; i++) stored = (await (await openDicom(bytes, reading)).stored(0)).values;
  const { user, system } = process.cpuUsage(start);
  let sum = 0;
  for (const value of stored) sum += value;
  return { each: (user + system) / 1e6 / count, sum };
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
console.log("| file | ours, ms | pydicom and pylibjpeg, ms | ours ÷ theirs, median of rounds |\n|---|---|---|---|");
for (const [name, file] of FILES) {
  const path = join(folder, file);
  const sides = [];
  for (const side of [ours, theirs]) {
    const { each } = await side(3, path);
    sides.push({ side, count: Math.max(1, Math.ceil(ROUND / each)), times: [] });
  }
  const sums = new Set();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const { side, count, times } of sides) {
      const { each, sum } = await side(count, path);
      times.push(each);
      sums.add(sum);
    }
  }
  const [a, b] = sides.map(({ times }) => times);
  const ratio = median(a.map((each, round) => each / b[round]));
  const same = sums.size === 1 ? "" : ` (sums differ: ${[...sums].join(", ")})`;
  console.log(`| ${name} | ${(median(a) * 1000).toFixed(2)} | ${(median(b) * 1000).toFixed(2)} | ${ratio.toFixed(2)}${same} |`);
}
python.stdin.end();
