// The embedded model's image tower on onnxruntime-node's cpu, one thread, as `embed`'s lanes run it: processor time an image, rounds of each precision in
// turn, and with --profile the runtime's own account by kind of operator (profiling itself costs some 5 %).
// Usage: npm run build && node packages/backend-cuda/bench/embedded-tower.mjs [--batch 16] [--rounds 31] [--precision fp32,int8] [--profile]
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { tinyModel } from "@biovlm/model-tiny/node";
import * as ort from "onnxruntime-node";

const { values } = parseArgs({
  options: {
    batch: { type: "string", default: "16" },
    rounds: { type: "string", default: "31" },
    precision: { type: "string", default: "fp32,int8" },
    profile: { type: "boolean", default: false },
  },
});
const batch = Number(values.batch);
const rounds = Number(values.rounds);
/** images of a round */
const IMAGES = 320;
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
const options = { executionProviders: ["cpu"], intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };

const towers = [];
for (const precision of values.precision.split(",")) {
  const { graphs, spec } = await tinyModel({ precision });
  const { model } = await graphs.imageOfBytes("inline");
  const S = spec.vision.imageSize;
  let state = 1;
  const rgb = Uint8Array.from({ length: batch * S * S * 3 }, () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state >> 16;
  });
  const feeds = {
    rgb: new ort.Tensor("uint8", rgb, [batch, S, S, 3]),
    mean: new ort.Tensor("float32", Float32Array.from(spec.mean), [3, 1, 1]),
    std: new ort.Tensor("float32", Float32Array.from(spec.std), [3, 1, 1]),
  };
  towers.push({ precision, model, feeds, times: [], session: await ort.InferenceSession.create(model, options) });
}
for (const { session, feeds } of towers) for (let i = 0; i < 5; i++) await session.run(feeds);
for (let round = 0; round < rounds; round++) {
  for (const { session, feeds, times } of round % 2 === 0 ? towers : towers.toReversed()) {
    const runs = Math.ceil(IMAGES / batch);
    const from = process.cpuUsage();
    for (let i = 0; i < runs; i++) await session.run(feeds);
    const { user, system } = process.cpuUsage(from);
    times.push((user + system) / runs / batch);
  }
}
console.log(`Node ${process.versions.node}, 1 thread, batches of ${batch}, processor time an image, µs`);
console.log("| precision | median | least |\n|---|---|---|");
for (const { precision, times } of towers) console.log(`| ${precision} | ${median(times).toFixed(0)} | ${Math.min(...times).toFixed(0)} |`);

if (values.profile) {
  const folder = mkdtempSync(join(tmpdir(), "biovlm-profile-"));
  for (const { precision, model, feeds } of towers) {
    const profileFilePrefix = join(folder, `${precision}-`);
    const session = await ort.InferenceSession.create(model, { ...options, enableProfiling: true, profileFilePrefix });
    const runs = Math.ceil(1000 / batch);
    for (let i = 0; i < runs; i++) await session.run(feeds);
    session.endProfiling();
    const file = readdirSync(folder).find((name) => name.startsWith(`${precision}-`));
    // the median of each node's runs: other work on the machine falls on a few of them
    const nodes = new Map();
    for (const { cat, name, dur, args } of JSON.parse(readFileSync(join(folder, file), "utf8"))) {
      if (cat !== "Node" || !name.endsWith("_kernel_time")) continue;
      const node = nodes.get(name) ?? { op: args.op_name, spent: [] };
      node.spent.push(dur);
      nodes.set(name, node);
    }
    const kinds = new Map();
    for (const { op, spent } of nodes.values()) {
      const kind = kinds.get(op) ?? { spent: 0, count: 0 };
      kinds.set(op, { spent: kind.spent + median(spent), count: kind.count + 1 });
    }
    console.log(`\n| ${precision} | count | µs an image |\n|---|---|---|`);
    for (const [op, { spent, count }] of [...kinds].sort(([, a], [, b]) => b.spent - a.spent))
      console.log(`| ${op} | ${count} | ${(spent / batch).toFixed(1)} |`);
  }
  rmSync(folder, { recursive: true, force: true });
}
