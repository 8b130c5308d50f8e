// Kernels against plain loops, one thread, same data, same run. The pass marks stand in the table.
// Usage: node packages/core/bench/kernels.mjs [--build simd|relaxed-simd]   (after npm run build -w @biovlm/core; relaxed needs Node 24)

import { parseArgs } from "node:util";
import { loadCore } from "@biovlm/core";
import * as plain from "./plain-loops.mjs";
import { interleaved, numbers, row } from "./timing.mjs";

const { values } = parseArgs({ options: { build: { type: "string" } } });
const core = await loadCore(values.build ? { build: values.build } : {});
const relaxed = core.info.build === "relaxed-simd";
console.log(`core ${core.info.build}, Node ${process.versions.node}, one thread`);
console.log("| kernel | plain loops | core | ratio | mark | |\n|---|---|---|---|---|---|");

const D = 512;
{
  const [B, N, C] = [10_000, 10, 11];
  const f = core.l2Normalize(numbers(B * D), B, D);
  const t = core.l2Normalize(numbers(N * C * D, 2), N * C, D);
  const shape = { B, N, C, D };
  const ms = interleaved({ plain: () => plain.route(f, t, 100, 5, shape), core: () => core.route(f, t, 100, 0.5, shape) }, { rounds: 5 });
  row("score + select 10 000 × 10 × 11, D = 512", ms.plain, ms.core, relaxed ? 16 : 12);
}
for (const M of [1, 32, 1000, 10_000]) {
  const R = 110;
  const a = numbers(M * D);
  const b = numbers(R * D, 2);
  const out = new Float32Array(M * R);
  const loops = Math.max(1, Math.round(2000 / M));
  const times = (run) => () => {
    for (let i = 0; i < loops; i++) run();
  };
  const cases = { plain: times(() => plain.gemm(a, b, 1, M, R, D, out)), core: times(() => core.gemm(a, b, { M, R, D })) };
  const ms = interleaved(cases, { rounds: M > 1000 ? 5 : 9 });
  const flops = (2 * M * R * D * loops) / 1e6;
  const rates = `${(flops / ms.plain).toFixed(1)} → ${(flops / ms.core).toFixed(1)} GFLOP/s `;
  row(`GEMM [${M},512]·[110,512]ᵀ`, ms.plain / loops, ms.core / loops, M >= 1000 ? (relaxed ? 18 : 12) : 1, rates);
}
{
  const [rows, C] = [100_000, 11];
  const x = numbers(rows * C).map((v) => v * 20);
  const p = new Float32Array(rows * C);
  const H = new Float32Array(rows);
  const ms = interleaved(
    {
      plain: () => plain.softmaxEntropy(x, rows, C, p, H),
      core: () => [core.softmax(x, rows, C), core.entropy(x, rows, C)],
    },
    { rounds: 15, warm: 5 },
  );
  row("softmax + entropy [10 000, 10, 11]", ms.plain, ms.core, 4);
}
{
  const [rows, C] = [10_000, 512];
  const x = numbers(rows * C);
  const plainL2 = () => {
    const out = new Float32Array(rows * C);
    for (let r = 0; r < rows; r++) {
      let sum = 0;
      for (let i = r * C; i < r * C + C; i++) sum += x[i] * x[i];
      const inverse = 1 / Math.sqrt(sum);
      for (let i = r * C; i < r * C + C; i++) out[i] = x[i] * inverse;
    }
    return out;
  };
  const ms = interleaved({ plain: plainL2, core: () => core.l2Normalize(x, rows, C) });
  row("l2Normalize [10 000, 512]", ms.plain, ms.core, 1);
}
