// What a sweep's figures owe to twins: each method as published, and on the test images that have none in train, side by side.

import { nth } from "@biovlm/files";
import { meanStd } from "../metrics/intervals.js";
import type { Cell, StoredEvaluation } from "../results.js";

/** A Markdown section over the cells that hold both figures; empty where no cell does. Balanced accuracy in %, mean over seeds. */
export function twinsReport(cells: readonly Cell[]): string {
  const groups = new Map<string, Cell[]>();
  for (const cell of cells) {
    if (pairsOf(cell).length === 0) continue;
    const key = JSON.stringify([cell.setting, cell.dataset, cell.shots, cell.method]);
    groups.set(key, [...(groups.get(key) ?? []), cell]);
  }
  if (groups.size === 0) return "";
  const rows = [...groups.values()].flatMap((group) => {
    const first = nth(group, 0);
    return pairsOf(first).map(([name, whole, rest]) => {
      const mean = (pick: (pair: ReturnType<typeof pairsOf>[number]) => StoredEvaluation) =>
        (
          100 *
          meanStd(
            group.flatMap((cell) =>
              pairsOf(cell)
                .filter(([n]) => n === name)
                .map((pair) => pick(pair).balancedAccuracy),
            ),
          ).mean
        ).toFixed(1);
      const left = whole.correct.length - rest.correct.length;
      return `| ${first.setting} | ${first.dataset} ${name} | ${first.shots} | ${first.method} | ${mean((p) => p[1])} | ${mean((p) => p[2])} | ${left} of ${whole.correct.length} |`;
    });
  });
  return [
    "### Balanced accuracy in %, as published and without twins",
    "",
    "Test images that have a near-twin, an equal content or their group in the training split are left out on the right.",
    "",
    "| setting | tested on | shots | method | as published | without twins | left out |",
    "|---|---|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

/** Tests of a cell with both figures. */
function pairsOf(cell: Cell): [name: string, whole: StoredEvaluation, rest: StoredEvaluation][] {
  return (["test", "base", "new"] as const).flatMap((name) => {
    const [whole, rest] = [cell[name], cell.withoutTwins?.[name]];
    return whole === undefined || rest === undefined ? [] : [[name, whole, rest]];
  });
}
