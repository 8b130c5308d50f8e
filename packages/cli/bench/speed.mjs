// What commands take from start to end: one image on a full-size model of random weights, with an empty cache folder and with what the first run
// kept; many images on the embedded model, with the native image way and without it where it is built. Each is a process of its own; prints the
// tables of docs/benchmarks.md. Processor seconds say more than wall seconds where other work runs beside.
// Usage: npm run build && node packages/cli/bench/speed.mjs [--images FOLDER] [--count 500] [--rounds 3] [--folder FULL-SIZE-MODEL]
// Images are taken from $BIOVLM_SHARED/data or ../shared/data (busi, ham10000) unless given; BiomedCLIP's tokenizer from tokenizer beside it.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { nativeImages } from "@biovlm/core-native";
import { fullSizeModel } from "../../../tools/testkit/full-size-model.mjs";

const text = (value) => ({ type: "string", default: value });
const { values } = parseArgs({
  options: { images: { type: "string" }, count: text("500"), rounds: text("3"), folder: { type: "string" } },
});
const shared = process.env.BIOVLM_SHARED ?? resolve("../shared");
const program = join(import.meta.dirname, "../dist/main.js");
const scratch = mkdtempSync(join(tmpdir(), "speed-"));
process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

/** Runs a command; wall and processor seconds of it. @throws where it fails */
async function run(words, env) {
  const started = performance.now();
  const script = `import(${JSON.stringify(program)});process.on("exit",()=>{const{userCPUTime:u,systemCPUTime:s}=process.resourceUsage();console.error("cpu "+(u+s)/1e6)})`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, program, ...words], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  for await (const piece of child.stderr) said += piece;
  const wall = (performance.now() - started) / 1000;
  const cpu = /^cpu ([\d.]+)$/m.exec(said)?.[1];
  if (cpu === undefined || /error\[/.test(said)) throw new Error(said);
  return { wall, cpu: Number(cpu) };
}

/** Rounds of several commands, interleaved. @returns name → medians */
async function interleaved(commands) {
  const seen = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  for (let round = 0; round < Number(values.rounds); round++)
    for (const [name, command] of Object.entries(commands)) seen[name].push(await command());
  return Object.entries(seen).map(([name, all]) => [name, median(all.map((r) => r.wall)), median(all.map((r) => r.cpu))]);
}

const model = fullSizeModel(values.folder);
const [image] = readdirSync(join(shared, "data/busi/benign")).filter((name) => name.endsWith(".png"));
const one = (words, cache) =>
  run(["classify", join(shared, "data/busi/benign", image), "--model", model, "--device", "cpu", ...words], { XDG_CACHE_HOME: cache });
const two = ["--class", "benign tumor", "--class", "malignant tumor"];
let fresh = 0;
const cold = (words) => () => one(words, join(scratch, `cache-${fresh++}`));
const kept = (words) => () => one(words, join(scratch, "kept"));
const starts = {
  "fp32, data set busi": ["--dataset", "busi"],
  "int8, two class names": ["--precision", "int8", ...two],
};
for (const words of Object.values(starts)) await kept(words)();
console.log("| one image, full size | wall, s | processor, s |\n|---|---|---|");
for (const [name, wall, cpu] of await interleaved(
  Object.fromEntries(
    Object.entries(starts).flatMap(([name, words]) => [
      [`${name}, empty cache`, cold(words)],
      [`${name}, kept`, kept(words)],
    ]),
  ),
))
  console.log(`| ${name} | ${wall.toFixed(1)} | ${cpu.toFixed(1)} |`);

const { images: native } = nativeImages(undefined, {});
const count = Number(values.count);
console.log("| embed, embedded model | images | images/s | processor ms an image |\n|---|---|---|---|");
for (const folder of values.images === undefined
  ? ["busi", "ham10000/images"].map((name) => join(shared, "data", name))
  : [values.images]) {
  const files = readdirSync(folder, { recursive: true }).filter((name) => /\.(png|jpe?g)$/i.test(name) && !/_mask/.test(name));
  const some = mkdtempSync(join(scratch, "images-"));
  for (const [i, name] of files.slice(0, count).entries())
    symlinkSync(join(folder, name), join(some, `${i}-${name.replaceAll(/[^\w.]/g, "-")}`));
  const embed = (way, precision) => () => {
    const out = join(scratch, `rows-${fresh++}.safetensors`);
    return run(["embed", some, "--out", out, "--device", "cpu", "--precision", precision], {
      BIOVLM_NATIVE: way,
      XDG_CACHE_HOME: join(scratch, "kept"),
    });
  };
  const ways = native === undefined ? ["off"] : ["off", "on"];
  const commands = ways.flatMap((way) =>
    ["fp32", "int8"].map((precision) => [`${way === "on" ? "native" : "sharp"}, ${precision}`, embed(way, precision)]),
  );
  const n = Math.min(count, files.length);
  for (const [name, wall, cpu] of await interleaved(Object.fromEntries(commands)))
    console.log(`| ${folder.replace(/^.*data\//, "")}, ${name} | ${n} | ${(n / wall).toFixed(0)} | ${((1000 * cpu) / n).toFixed(1)} |`);
}
