// Every method of a sweep against one opponent that was named before looking: paired by image, seeds averaged, lesions and patients flipped as
// one, corrected over data sets. No figure is chosen here after it was seen.

import { nth } from "@biovlm/files";
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
  const runs = pairs.map(([cell, other]) => ({ a: testedImages(cell), b: testedImages(other) }));
  for (const { a, b } of runs) checkSame(dataset, [...a.keys()], [...b.keys()]);
  if (first.places === undefined) for (const { a } of runs) checkSame(dataset, [...nth(runs, 0).a.keys()], [...a.keys()]);
  const images = [...new Set(runs.flatMap(({ a }) => [...a.keys()]))];
  const mean = (side: "a" | "b") => meanCorrectness(runs.map((run) => images.map((image) => run[side].get(image)?.correct ?? Number.NaN)));
  const groups = images.map((image) => runs.map(({ a }) => a.get(image)).find((found) => found !== undefined)?.group ?? image);
  const { difference, p, images: count, units } = signFlipTest(mean("a"), mean("b"), { seed: 1, groups });
  return {
    setting,
    dataset,
    ...(source === undefined ? {} : { source }),
    shots,
    method,
    against,
    seeds: pairs.length,
    images: count,
    units,
    difference,
    p,
  };
}

/** One tested image of a cell. */
interface TestedImage {
  /** 0 or 1 */
  readonly correct: number;
  /** what is flipped with it */
  readonly group: string;
}

/** The images of a cell, of both sides, by a key that is the same for every seed and method; a side without groups stands image by image. */
function testedImages(cell: Cell): Map<string, TestedImage> {
  return new Map(
    partsOf(cell).flatMap(({ correct, groups }, side) =>
      Array.from(correct, (one, i): [string, TestedImage] => {
        const image = `${side} image ${cell.places?.[side]?.[i] ?? i}`;
        return [image, { correct: Number(one), group: groups === undefined ? image : `${side} group ${groups[i] ?? i}` }];
      }),
    ),
  );
}

/** @throws EvaluationError `bad_shape` */
function checkSame(dataset: string, a: readonly string[], b: readonly string[]): void {
  if (a.length === b.length && a.every((image, i) => image === b[i])) return;
  throw new EvaluationError(
    "bad_shape",
    `cells of ${dataset} — expected the same images for every seed and method, got ${a.length} and ${b.length}. Run the sweep again in an empty folder.`,
  );
}
