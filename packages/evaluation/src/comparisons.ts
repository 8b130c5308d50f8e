// Every method of a sweep against one opponent that was named before looking: paired by image, seeds averaged, lesions and patients flipped as
// one, corrected over data sets. No figure is chosen here after it was seen.

import { EvaluationError } from "./errors.js";
import { holm, meanCorrectness, signFlipTest } from "./metrics/paired-test.js";
import { type Cell, grouped, partsOf, type Setting } from "./results.js";

/** The opponent where none is named: the bank that needs no learning. */
export const DEFAULT_OPPONENT = "attribute-bank";

/** One method against the opponent on one data set. */
export interface Comparison {
  readonly setting: Setting;
  readonly dataset: string;
  readonly source?: string;
  readonly shots: number;
  readonly method: string;
  readonly against: string;
  /** seeds that both were run with */
  readonly seeds: number;
  readonly images: number;
  /** what was flipped as one: images, lesions or patients */
  readonly units: number;
  /** difference in accuracy, method less opponent, seeds averaged; −1 to 1 */
  readonly difference: number;
  /** two-sided p of the sign-flip test on this set alone */
  readonly p: number;
  /** p corrected by Holm over the sets of the same setting, shots and method */
  readonly pHolm: number;
}

/**
 * All comparisons of the cells with `against`, in the cells' order; sets with a caveat are left out, and so is the opponent itself. The random
 * flips are seeded: the same cells give the same p.
 * @throws EvaluationError `bad_shape` for cells of one place that were measured on different images
 */
export function comparisonsOf(cells: readonly Cell[], against: string): Comparison[] {
  const families = grouped(
    cells.filter(({ caveat, method }) => caveat === undefined && method !== against),
    ({ setting, shots, method }) => JSON.stringify([setting, shots, method]),
  );
  return families.flatMap((family) => {
    const tests = grouped(family, ({ dataset, source }) => JSON.stringify([dataset, source])).flatMap((own) => {
      const tested = compared(own, cells, against);
      return tested === undefined ? [] : [tested];
    });
    const adjusted = holm(tests.map(({ p }) => p));
    return tests.map((test, i) => ({ ...test, pHolm: adjusted[i] ?? 1 }));
  });
}

/** @param own cells of one method at one place, one a seed */
function compared(own: readonly Cell[], cells: readonly Cell[], against: string): Omit<Comparison, "pHolm"> | undefined {
  const [first] = own;
  if (first === undefined) return undefined;
  const { setting, dataset, source, shots, method } = first;
  const twin = (cell: Cell) =>
    cells.find(
      (c) =>
        c.method === against &&
        c.setting === setting &&
        c.dataset === dataset &&
        c.source === source &&
        c.shots === shots &&
        c.seed === cell.seed,
    );
  const pairs = own.flatMap((cell) => {
    const other = twin(cell);
    return other === undefined ? [] : [[cell, other] as const];
  });
  if (pairs.length === 0) return undefined;
  const rights = (side: 0 | 1) => meanCorrectness(pairs.map((pair) => correctness(pair[side])));
  const lengths = new Set(pairs.flatMap((pair) => pair.map((cell) => correctness(cell).length)));
  if (lengths.size > 1) {
    throw new EvaluationError(
      "bad_shape",
      `cells of ${dataset} — expected the same images for every seed and method, got ${[...lengths].join(" and ")}. Run the sweep again in an empty folder.`,
    );
  }
  const { difference, p, images, units } = signFlipTest(rights(0), rights(1), { seed: 1, groups: groupsOf(first) });
  return {
    setting,
    dataset,
    ...(source === undefined ? {} : { source }),
    shots,
    method,
    against,
    seeds: pairs.length,
    images,
    units,
    difference,
    p,
  };
}

function correctness(cell: Cell): readonly number[] {
  return partsOf(cell).flatMap(({ correct }) => Array.from(correct, Number));
}

/** Groups over both sides of a cell; a side without any stands image by image. */
function groupsOf(cell: Cell): readonly string[] | undefined {
  const parts = partsOf(cell);
  if (parts.every(({ groups }) => groups === undefined)) return undefined;
  return parts.flatMap(({ groups, correct }, side) =>
    Array.from(correct, (_, i) => (groups === undefined ? `${side} image ${i}` : `${side} group ${groups[i] ?? i}`)),
  );
}
