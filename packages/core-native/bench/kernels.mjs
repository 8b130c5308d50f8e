// Native kernels beside the WASM builds in one run: medians, and the ratio to the fastest WASM build. `node packages/core-native/bench/kernels.mjs`

import { loadCore } from "@biovlm/core";
import { nativeKernels } from "@biovlm/core-native";

const { native, reason } = nativeKernels();
if (native === undefined) {
  console.log(`skipped: ${reason}`);
  process.exit(0);
}
const cores = {
  simd: await loadCore({ build: "simd" }),
  wasm: await loadCore({ kernels: "wasm" }),
  native: await loadCore({ kernels: native }),
};

let state = 1;
const random = (length, scale = 1) =>
  Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * scale;
  });
const [B, N, C, D] = [10_000, 10, 11, 512];
const f = random(B * D);
const t = random(N * C * D);
const logits = random(B * N * C, 5);
const image = { data: Uint8Array.from({ length: 600 * 450 * 3 }, (_, i) => (i * 31) % 251), width: 600, height: 450 };
const spec = { size: 224, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
const work = {
  "gemm [10000,512]·[110,512]ᵀ": (core) => core.gemm(f, t, { M: B, R: N * C, D }),
  "route [10000,10,11]": (core) => core.route(f, t, 10, 0.5, { B, N, C, D }),
  "select [10000,10,11]": (core) => core.select(logits, 0.5, { B, N, C }),
  "softmax [100000,11]": (core) => core.softmax(logits, B * N, C),
  "entropy [100000,11]": (core) => core.entropy(logits, B * N, C),
  "l2Normalize [10000,512]": (core) => core.l2Normalize(f, B, D),
  "resize 600×450 → 224": (core) => core.resizeCrop(image, 224),
  "preprocess 600×450 → 224": (core) => core.preprocess(image, spec),
};

console.log(`${native.name}, beside ${cores.wasm.info.build}; ms, medians of 15 rounds taken in turn`);
for (const [name, run] of Object.entries(work)) {
  const times = Object.fromEntries(Object.keys(cores).map((key) => [key, []]));
  try {
    for (let round = 0; round < 18; round++) {
      for (const [key, core] of Object.entries(cores)) {
        const start = performance.now();
        run(core);
        if (round >= 3) times[key].push(performance.now() - start);
      }
    }
  } catch (error) {
    console.log(name, error.message);
    continue;
  }
  const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
  const [simd, wasm, ours] = ["simd", "wasm", "native"].map((key) => median(times[key]));
  console.log(
    `${name.padEnd(30)} simd ${simd.toFixed(2)}  wasm ${wasm.toFixed(2)}  native ${ours.toFixed(2)}  ×${(wasm / ours).toFixed(1)}`,
  );
}
