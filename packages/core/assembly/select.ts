// Keeps, for each image, the K prompts of lowest entropy (ties by lower index, ascending) and averages their logits.

import { softmaxRows } from "./rows";

/** Up to this many prompts an insertion into the kept list is cheapest; beyond it a heap sort bounds the work by N log N. */
const INSERTION_LIMIT: i32 = 128;

/**
 * logits [B,N,C], entropy [B,N] → kept [B,K], mean [B,C], probabilities [B,C] = softmax(mean).
 * `order`: 4·N bytes, `scratch`: 16·C bytes. Returns 0 when a mean is not finite, else 1.
 */
export function selectRows(
  logits: usize,
  entropy: usize,
  B: i32,
  N: i32,
  C: i32,
  K: i32,
  kept: usize,
  mean: usize,
  probabilities: usize,
  order: usize,
  scratch: usize,
): i32 {
  const image = (<usize>N * <usize>C) << 2;
  for (let b = 0; b < B; b++) {
    const list = kept + ((<usize>b * <usize>K) << 2);
    const H = entropy + ((<usize>b * <usize>N) << 2);
    if (N <= INSERTION_LIMIT) insertLowest(H, N, K, list);
    else {
      heapSort(H, N, order);
      memory.copy(list, order, <usize>K << 2);
    }
    meanOf(logits + image * <usize>b, list, K, C, mean + ((<usize>b * <usize>C) << 2));
  }
  return softmaxRows(mean, B, C, probabilities, scratch);
}

/** list = indices of the K lowest, ascending. A later equal value goes behind an earlier one. */
function insertLowest(H: usize, N: i32, K: i32, list: usize): void {
  let length = 0;
  for (let n = 0; n < N; n++) {
    const h = load<f32>(H + (<usize>n << 2));
    let at = length < K ? length++ : K;
    if (at == K && valueAt(H, list, K - 1) <= h) continue;
    if (at == K) at = K - 1;
    for (; at > 0 && valueAt(H, list, at - 1) > h; at--) indexTo(list, at, indexAt(list, at - 1));
    indexTo(list, at, n);
  }
}

/** order = 0..N−1 sorted by (entropy, index). */
function heapSort(H: usize, N: i32, order: usize): void {
  for (let n = 0; n < N; n++) indexTo(order, n, n);
  for (let root = (N >> 1) - 1; root >= 0; root--) sift(H, order, root, N);
  for (let last = N - 1; last > 0; last--) {
    const worst = indexAt(order, 0);
    indexTo(order, 0, indexAt(order, last));
    indexTo(order, last, worst);
    sift(H, order, 0, last);
  }
}

/** Restores the max-heap order below root. */
function sift(H: usize, order: usize, root: i32, length: i32): void {
  const moved = indexAt(order, root);
  for (let child = root * 2 + 1; child < length; child = root * 2 + 1) {
    if (child + 1 < length && before(H, indexAt(order, child), indexAt(order, child + 1))) child++;
    if (!before(H, moved, indexAt(order, child))) break;
    indexTo(order, root, indexAt(order, child));
    root = child;
  }
  indexTo(order, root, moved);
}

// @ts-ignore: decorator
@inline
function before(H: usize, i: i32, j: i32): bool {
  const a = load<f32>(H + (<usize>i << 2));
  const b = load<f32>(H + (<usize>j << 2));
  return a < b || (a == b && i < j);
}

// @ts-ignore: decorator
@inline
function indexAt(list: usize, at: i32): i32 {
  return load<i32>(list + (<usize>at << 2));
}

// @ts-ignore: decorator
@inline
function indexTo(list: usize, at: i32, n: i32): void {
  store<i32>(list + (<usize>at << 2), n);
}

// @ts-ignore: decorator
@inline
function valueAt(H: usize, list: usize, at: i32): f32 {
  return load<f32>(H + (<usize>indexAt(list, at) << 2));
}

/** mean[c] = Σ_k z[kept_k][c] / K, summed in kept order. */
function meanOf(z: usize, list: usize, K: i32, C: i32, mean: usize): void {
  const row = <usize>C << 2;
  const count = f32x4.splat(<f32>K);
  let c: usize = 0;
  for (; c + 16 <= row; c += 16) {
    let sum = f32x4.splat(0);
    for (let k = 0; k < K; k++) sum = f32x4.add(sum, v128.load(z + row * <usize>indexAt(list, k) + c));
    v128.store(mean + c, f32x4.div(sum, count));
  }
  for (; c < row; c += 4) {
    let sum: f32 = 0;
    for (let k = 0; k < K; k++) sum += load<f32>(z + row * <usize>indexAt(list, k) + c);
    store<f32>(mean + c, sum / <f32>K);
  }
}
