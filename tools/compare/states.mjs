// Compares two states of the project byte for byte: both built programs do the same work in fresh homes, and what they print, write and
// answer is compared once times, ports and folders are taken out (sameness.mjs). For refactors: what changed is said, or nothing did.
//
// node tools/compare/states.mjs BEFORE AFTER [--exceptions FILE] [--device cpu,wasm] [--only PART] [--keep]
//
// BEFORE and AFTER are checkouts after `npm run build`. The exceptions are a JSON list of {at, path?, why}: patterns of a result's name and
// of the place in it. Ends with code 1 on a difference that no exception names, or on an exception that names none.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { layOutInputs } from "./inputs.mjs";
import { differences, excusing, settled } from "./sameness.mjs";
import { served } from "./serving.mjs";
import { deviceSteps, plainSteps } from "./steps.mjs";

/** Longest time for one command, milliseconds. */
const patience = 600_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    exceptions: { type: "string" },
    device: { type: "string", default: "cpu,wasm" },
    only: { type: "string", default: "" },
    keep: { type: "boolean", default: false },
  },
});
if (positionals.length !== 2) {
  console.error("usage: node tools/compare/states.mjs BEFORE AFTER [--exceptions FILE] [--device cpu,wasm] [--only PART] [--keep]");
  process.exit(2);
}

/** A checkout, its program, a folder to work in and an environment that holds nothing of this machine's user. */
function openState(label, checkout, scratch) {
  const main = join(resolve(checkout), "packages/cli/dist/main.js");
  if (!existsSync(main)) throw new Error(`${main} — expected the built program, got nothing. Run npm run build in ${checkout}.`);
  const folder = join(scratch, label);
  mkdirSync(join(folder, "home"), { recursive: true });
  for (const device of values.device.split(",")) mkdirSync(join(folder, device), { recursive: true });
  layOutInputs(process.env.BIOVLM_SHARED ?? resolve("../shared"), folder);
  const home = join(folder, "home");
  const env = { PATH: process.env.PATH, HOME: home, TMPDIR: home, LANG: "C.UTF-8", NO_COLOR: "1" };
  for (const kind of ["CONFIG", "CACHE", "DATA", "STATE"]) env[`XDG_${kind}_HOME`] = join(home, kind.toLowerCase());
  return { label, main, folder, env };
}

/** Runs one command. @returns {Promise<Map<string, Uint8Array | string>>} exit code, both streams and the files it wrote */
async function commandResults({ main, folder, env }, { words, files = [] }) {
  const results = new Map();
  await new Promise((done) => {
    execFile(process.execPath, [main, ...words], { cwd: folder, env, timeout: patience, maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      results.set("exit code", String(error === null ? 0 : (error.code ?? error.signal)));
      results.set("stdout", stdout);
      results.set("stderr", stderr);
      done();
    });
  });
  for (const file of files) {
    const path = join(folder, file);
    if (existsSync(path))
      results.set(file, /\.(safetensors|npy)$/.test(file) ? new Uint8Array(readFileSync(path)) : readFileSync(path, "utf8"));
  }
  return results;
}

/** Everything to do, as {name, run(state)}; "cpu: eval" and so on. */
function tasks() {
  const commands = (prefix, steps) => steps.map((step) => ({ name: `${prefix}${step.name}`, run: (state) => commandResults(state, step) }));
  const each = values.device
    .split(",")
    .flatMap((device) => [
      ...commands(`${device}: `, deviceSteps(device)),
      { name: `${device}: serve`, run: (state) => served(state, device) },
    ]);
  return [...commands("", plainSteps), ...each];
}

const exceptions = values.exceptions === undefined ? [] : JSON.parse(readFileSync(values.exceptions, "utf8"));
const scratch = mkdtempSync(join(tmpdir(), "biovlm-states-"));
const used = new Set();
let [same, excused, different] = [0, 0, 0];
try {
  const [before, after] = [openState("before", positionals[0], scratch), openState("after", positionals[1], scratch)];
  for (const { name, run } of tasks()) {
    // later steps read the files of earlier ones, so that every step runs, and --only chooses what is compared
    const [mine, theirs] = [await run(before), await run(after)];
    if (!name.includes(values.only)) continue;
    // a refusal may be what is asked for; said, so that a step that fails in both states is not taken for work done
    const code = mine.get("exit code");
    const refused = code === "0" ? "" : ` (exit code ${code})`;
    for (const part of new Set([...mine.keys(), ...theirs.keys()])) {
      const ready = (state, results) => (results.has(part) ? settled(results.get(part), state.folder) : undefined);
      const found = differences(ready(before, mine), ready(after, theirs));
      const label = `${name}${refused} — ${part}`;
      const { left, excused: numbers } = excusing(label, found, exceptions);
      for (const number of numbers) used.add(number);
      if (found.length === 0) same++;
      else if (left.length === 0) excused++;
      else different++;
      const state = found.length === 0 ? "same" : left.length === 0 ? "excused" : "DIFFERENT";
      console.log(`${state.padEnd(9)} ${label}`);
      for (const { path, before: was, after: is } of left.slice(0, 3))
        console.log(`          ${path}\n            before: ${was}\n            after:  ${is}`);
      if (left.length > 3) console.log(`          and ${left.length - 3} more`);
    }
  }
} finally {
  if (values.keep) console.log(`kept: ${scratch}`);
  else rmSync(scratch, { recursive: true, force: true });
}
const idle = values.only === "" ? exceptions.filter((_, number) => !used.has(number)) : [];
for (const { at, why } of idle) console.log(`an exception names no difference: ${at} (${why})`);
console.log(`${same} same, ${excused} excused, ${different} different`);
process.exitCode = different > 0 || idle.length > 0 ? 1 : 0;
