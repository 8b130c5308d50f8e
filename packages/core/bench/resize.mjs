// Preprocessing against sharp's own cubic resize of the same decoded pixels, one thread each. Pass mark: ours ≤ 1.5 × sharp.
// sharp's cubic is not Pillow's (up to 43 grey levels apart): the peer shows the price of exactness, not an equal result.
// Usage: node packages/core/bench/resize.mjs [--build simd|relaxed-simd]

import { parseArgs } from "node:util";
import { loadCore } from "@biovlm/core";
import sharp from "sharp";
import { median, numbers } from "./timing.mjs";

const { values } = parseArgs({ options: { build: { type: "string" } } });
const core = await loadCore(values.build ? { build: values.build } : {});
sharp.concurrency(1);
sharp.cache(false);
const spec = { size: 224, mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711] };
console.log(`core ${core.info.build}, Node ${process.versions.node}, one thread`);
console.log("| image → 224 | sharp cubic | core preprocess | core / sharp |\n|---|---|---|---|");
for (const [width, height] of [
  [1024, 1024],
  [600, 450],
  [224, 224],
  [28, 28],
  [4000, 3000],
]) {
  const data = Uint8Array.from(numbers(width * height * 3), (v) => 127 + 120 * v);
  const image = { data, width, height };
  const times = { sharp: [], core: [] };
  const rounds = width > 2000 ? 9 : 31;
  for (let i = -3; i < rounds; i++) {
    let start = performance.now();
    await sharp(data, { raw: { width, height, channels: 3 } })
      .resize(224, 224, { kernel: "cubic", fit: "cover" })
      .raw()
      .toBuffer();
    const middle = performance.now();
    if (i >= 0) times.sharp.push(middle - start);
    start = performance.now();
    core.preprocess(image, spec);
    if (i >= 0) times.core.push(performance.now() - start);
  }
  const [a, b] = [median(times.sharp), median(times.core)];
  console.log(`| ${width}×${height} | ${a.toFixed(2)} ms | ${b.toFixed(2)} ms | ${(b / a).toFixed(2)} |`);
}
