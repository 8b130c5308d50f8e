// What a bulk worker costs beside `embed`, in processor time, which other work on the machine touches less: both over the same files, in turn, each a
// process of its own with one thread; of a job of one image too, which is what a worker costs before its first image; and what one note of a
// chunk's beginning costs.
// Usage: npm run build && node packages/cli/bench/bulk-speed.mjs [--images FOLDER] [--count 2000] [--rounds 3]
// Images are taken from $BIOVLM_SHARED/data or ../shared/data (ham10000) unless given.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { folderStore } from "@biovlm/jobs";

const text = (value) => ({ type: "string", default: value });
const { values } = parseArgs({ options: { images: { type: "string" }, count: text("2000"), rounds: text("3") } });
const source = resolve(values.images ?? join(process.env.BIOVLM_SHARED ?? resolve("../shared"), "data/ham10000/images"));
const program = join(import.meta.dirname, "../dist/main.js");
const scratch = mkdtempSync(join(tmpdir(), "bulk-speed-"));
process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

/** Processor and wall seconds of a command. @throws where it fails */
async function run(...words) {
  const started = performance.now();
  const script = `import(${JSON.stringify(program)});process.on("exit",()=>{const{userCPUTime:u,systemCPUTime:s}=process.resourceUsage();console.error("cpu "+(u+s)/1e6)})`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, program, ...words], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  for await (const chunk of child.stderr) said += chunk;
  const cpu = /^cpu ([\d.]+)$/m.exec(said);
  if (cpu === null || /error\[/.test(said)) throw new Error(`${words.join(" ")} failed: ${said}`);
  return { cpu: Number(cpu[1]), wall: (performance.now() - started) / 1000 };
}

function linked(name, count) {
  const folder = join(scratch, name);
  mkdirSync(folder);
  const files = readdirSync(source).sort().slice(0, count);
  for (const file of files) symlinkSync(join(source, file), join(folder, file));
  return { folder, count: files.length };
}

let stores = 0;
async function bulk(folder) {
  const store = join(scratch, `store-${stores++}`);
  await run("bulk", "plan", folder, store, "--device", "cpu", "--output", "embeddings");
  const seconds = await run("bulk", "work", store, "--all", "--threads", "1");
  rmSync(store, { recursive: true });
  return seconds;
}

async function embed(folder) {
  const out = join(scratch, `rows-${stores++}.safetensors`);
  return run("embed", folder, "--out", out, "--device", "cpu", "--threads", "1", "--deterministic");
}

async function note(times = 500) {
  const store = folderStore(join(scratch, "notes"));
  const bytes = new Uint8Array(48 * 128 * 4);
  const from = process.cpuUsage();
  for (let i = 0; i < times; i++) await store.put("partial/00000.00000.begun.bin", bytes);
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1000 / times;
}

const many = linked("many", Number(values.count));
const one = linked("one", 1);
const seconds = { embed: [], bulk: [], "embed, one image": [], "bulk, one image": [] };
for (let round = 0; round < Number(values.rounds); round++) {
  seconds.embed.push(await embed(many.folder));
  seconds.bulk.push(await bulk(many.folder));
  seconds["embed, one image"].push(await embed(one.folder));
  seconds["bulk, one image"].push(await bulk(one.folder));
}
const of = (name) => median(seconds[name].map(({ cpu }) => cpu));
for (const [name, rounds] of Object.entries(seconds))
  console.log(
    `${name}: ${of(name).toFixed(2)} s of processor time, ${median(rounds.map(({ wall }) => wall)).toFixed(2)} s, medians of ${rounds.length}`,
  );
const each = (name) => ((of(name) - of(`${name}, one image`)) / (many.count - 1)) * 1000;
console.log(
  `an image: embed ${each("embed").toFixed(2)} ms, bulk ${each("bulk").toFixed(2)} ms of processor time, ${(each("bulk") / each("embed")).toFixed(2)} times`,
);
console.log(`all of it, start included: ${(of("bulk") / of("embed")).toFixed(2)} times`);
console.log(`a note of 48 rows: ${(await note()).toFixed(2)} ms of processor time; load ${loadavg()[0].toFixed(0)}`);
