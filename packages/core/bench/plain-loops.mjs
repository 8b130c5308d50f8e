// The peer of every bench: what a competent author writes first, plain JavaScript loops over Float32Array.

/**
 * scale · a [M,D] · b [R,D]ᵀ → out [M,R]. Four columns at a time: four sums in flight instead of one chain of additions, which makes it
 * the fastest plain loop we found (about twice the textbook triple loop), and so the honest peer.
 */
export function gemm(a, b, scale, M, R, D, out) {
  for (let m = 0; m < M; m++) {
    const end = m * D + D;
    let r = 0;
    for (; r + 4 <= R; r += 4) {
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      let j0 = r * D;
      let j1 = j0 + D;
      let j2 = j1 + D;
      let j3 = j2 + D;
      for (let i = m * D; i < end; i++) {
        const x = a[i];
        s0 += x * b[j0++];
        s1 += x * b[j1++];
        s2 += x * b[j2++];
        s3 += x * b[j3++];
      }
      const at = m * R + r;
      out[at] = scale * s0;
      out[at + 1] = scale * s1;
      out[at + 2] = scale * s2;
      out[at + 3] = scale * s3;
    }
    for (; r < R; r++) {
      let sum = 0;
      for (let i = m * D, j = r * D; i < end; i++, j++) sum += a[i] * b[j];
      out[m * R + r] = scale * sum;
    }
  }
  return out;
}

/** Softmax of each row into p, entropy of each row into H. */
export function softmaxEntropy(x, rows, C, p, H) {
  for (let r = 0; r < rows; r++) {
    const at = r * C;
    let max = -Infinity;
    for (let c = 0; c < C; c++) if (x[at + c] > max) max = x[at + c];
    let sum = 0;
    for (let c = 0; c < C; c++) sum += p[at + c] = Math.exp(x[at + c] - max);
    let h = 0;
    for (let c = 0; c < C; c++) {
      p[at + c] /= sum;
      const q = p[at + c];
      if (q > 0) h -= q * Math.log(q);
    }
    H[r] = h;
  }
}

/** Routing: scores, entropies, the K surest prompts, their mean logits, its softmax. */
export function route(f, t, scale, K, { B, N, C, D }) {
  const z = gemm(f, t, scale, B, N * C, D, new Float32Array(B * N * C));
  const p = new Float32Array(B * N * C);
  const H = new Float32Array(B * N);
  softmaxEntropy(z, B * N, C, p, H);
  const kept = new Int32Array(B * K);
  const mean = new Float32Array(B * C);
  const order = Array.from({ length: N }, (_, n) => n);
  for (let b = 0; b < B; b++) {
    const best = order.slice().sort((i, j) => H[b * N + i] - H[b * N + j] || i - j);
    for (let k = 0; k < K; k++) {
      kept[b * K + k] = best[k];
      for (let c = 0; c < C; c++) mean[b * C + c] += z[(b * N + best[k]) * C + c] / K;
    }
  }
  const probabilities = new Float32Array(B * C);
  softmaxEntropy(mean, B, C, probabilities, new Float32Array(B));
  return { logits: z, entropy: H, kept, mean, probabilities };
}
