// Every pair of prints that are near-twins, none missed. Candidates come from the prints' low frequencies: for prints of length 1,
// correlation > r means |a − b|² < 2 − 2r, and no projection lengthens a difference, so a pair whose low frequencies differ by more is none.
// A flip only changes the sign of odd frequencies: four blocks of products, one for each parity, serve all four flips. Pixels then decide.
// Embeddings are not asked: they change under flips, and their candidates would be a guess where these are a bound.

import type { Core } from "@biovlm/core";
import { nth } from "@biovlm/files";
import { centredPrint, correlation, FLIPS, type Flip, PRINT_SIDE, TWIN_CORRELATION } from "./picture-print.js";

/** Two prints a < b that are near-twins. */
export interface TwinPair {
  readonly a: number;
  readonly b: number;
  /** above 0.98; the largest over the flips */
  readonly correlation: number;
  readonly flip: Flip;
}

/** Low frequencies kept in each direction, an even number; a parity has a quarter of their square. */
const FREQUENCIES = 8;
const HALF = FREQUENCIES / 2;
const PARITY_WIDTH = HALF * HALF;
/** Rows of a block of products: 512² × 4 parities × 4 bytes = 4 MiB at once. */
const BLOCK = 512;
/** Products are in float32: a bound is missed by no more than this. */
const SLACK = 1e-5;

/**
 * Calls `onPair` for each pair, in ascending order of blocks, not of indices. prints: [n] of [1024] bytes.
 * Work grows with n²: 10 015 prints take about a second, and as long again where many pairs are alike.
 */
export async function twinPairs(
  core: Pick<Core, "gemm">,
  prints: readonly Uint8Array[],
  onPair: (pair: TwinPair) => void,
  signal?: AbortSignal,
): Promise<void> {
  const centred = prints.map(centredPrint);
  const textured = [...centred.keys()].filter((i) => centred[i] !== undefined);
  const low = lowFrequencies(textured.map((i) => nth(centred, i) ?? new Float64Array(0)));
  for (let from = 0; from < textured.length; from += BLOCK) {
    const rows = Math.min(BLOCK, textured.length - from);
    // others may run between two stripes, and a stop is heeded there
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
    for (let to = from; to < textured.length; to += BLOCK) {
      const columns = Math.min(BLOCK, textured.length - to);
      const products = low.parities.map((block) =>
        core.gemm(
          block.subarray(from * PARITY_WIDTH, (from + rows) * PARITY_WIDTH),
          block.subarray(to * PARITY_WIDTH, (to + columns) * PARITY_WIDTH),
          { M: rows, R: columns, D: PARITY_WIDTH },
        ),
      );
      eachCandidate(products, low.halfNorms, { from, rows, to, columns }, (i, j) => {
        const [a, b] = [nth(textured, i), nth(textured, j)];
        const best = bestFlip(centred[a] as Float64Array, centred[b] as Float64Array);
        if (best.correlation > TWIN_CORRELATION) onPair({ a, b, ...best });
      });
    }
  }
}

interface LowFrequencies {
  /** even-even, even-odd, odd-even, odd-odd (vertical, horizontal): [n,PARITY_WIDTH] each */
  readonly parities: readonly Float32Array[];
  /** [n] half the squared length of the low frequencies, less half of what a pair may differ by */
  readonly halfNorms: Float64Array;
}

/** Orthonormal cosine transform (DCT-II) of each print, its first frequencies sorted by parity. */
function lowFrequencies(prints: readonly Float64Array[]): LowFrequencies {
  const basis = Float64Array.from({ length: FREQUENCIES * PRINT_SIDE }, (_, at) => {
    const [u, x] = [Math.floor(at / PRINT_SIDE), at % PRINT_SIDE];
    return Math.sqrt((u === 0 ? 1 : 2) / PRINT_SIDE) * Math.cos((Math.PI * (2 * x + 1) * u) / (2 * PRINT_SIDE));
  });
  const parities = FLIPS.map(() => new Float32Array(prints.length * PARITY_WIDTH));
  const halfNorms = new Float64Array(prints.length);
  const across = new Float64Array(PRINT_SIDE * FREQUENCIES);
  for (const [i, print] of prints.entries()) {
    for (let y = 0; y < PRINT_SIDE; y++) {
      for (let u = 0; u < FREQUENCIES; u++) {
        let sum = 0;
        for (let x = 0; x < PRINT_SIDE; x++) sum += print[y * PRINT_SIDE + x]! * basis[u * PRINT_SIDE + x]!;
        across[y * FREQUENCIES + u] = sum;
      }
    }
    let square = 0;
    for (let v = 0; v < FREQUENCIES; v++) {
      for (let u = 0; u < FREQUENCIES; u++) {
        let sum = 0;
        for (let y = 0; y < PRINT_SIDE; y++) sum += across[y * FREQUENCIES + u]! * basis[v * PRINT_SIDE + y]!;
        square += sum * sum;
        nth(parities, 2 * (v % 2) + (u % 2))[i * PARITY_WIDTH + (v >> 1) * HALF + (u >> 1)] = sum;
      }
    }
    halfNorms[i] = square / 2 - (1 - TWIN_CORRELATION) / 2 - SLACK;
  }
  return { parities, halfNorms };
}

interface Block {
  readonly from: number;
  readonly rows: number;
  readonly to: number;
  readonly columns: number;
}

/** Pairs i < j of a block whose low frequencies lie near enough under some flip. products: [rows,columns] of each parity. */
function eachCandidate(
  products: readonly Float32Array[],
  halfNorms: Float64Array,
  { from, rows, to, columns }: Block,
  onCandidate: (i: number, j: number) => void,
): void {
  const [ee, eo, oe, oo] = [nth(products, 0), nth(products, 1), nth(products, 2), nth(products, 3)];
  for (let r = 0; r < rows; r++) {
    const halfI = halfNorms[from + r]!;
    for (let c = to === from ? r + 1 : 0; c < columns; c++) {
      const at = r * columns + c;
      const x = eo[at]!;
      const y = oe[at]!;
      const z = oo[at]!;
      // ±x ±y ±z with z's sign the product of the two others: the best of the four flips
      const together = z + Math.abs(x + y);
      const apart = Math.abs(x - y) - z;
      if (ee[at]! + Math.max(together, apart) > halfI + halfNorms[to + c]!) onCandidate(from + r, to + c);
    }
  }
}

function bestFlip(a: Float64Array, b: Float64Array): { readonly correlation: number; readonly flip: Flip } {
  let best: { correlation: number; flip: Flip } = { correlation: Number.NEGATIVE_INFINITY, flip: "none" };
  for (const flip of FLIPS) {
    const value = correlation(a, b, flip);
    if (value > best.correlation) best = { correlation: value, flip };
  }
  return best;
}
