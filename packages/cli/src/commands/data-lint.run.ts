// `biovlm data lint`: what of a data set is there twice, and where it matters. No model is opened.
// The work alone: what it is asked for by is data.ts.

import { resolve } from "node:path";
import { loadCore } from "@biovlm/core";
import type { OpenedDataset } from "@biovlm/datasets";
import { openDataset } from "@biovlm/datasets/node";
import type { ImagePair, LeakReport } from "@biovlm/evaluation";
import { nth } from "@biovlm/files";
import { dicomOrigins } from "@biovlm/imaging/node";
import type { CommandRun, OptionValues } from "../command.js";
import { checkLeaks, type LeakCheck } from "../leak-check.js";
import { itemReader, namingItems, withSeries } from "../learning-source.js";
import { cacheOf } from "../learning-stores.js";
import { printable, type Terminal } from "../terminal.js";
import type { DATA_LINT_OPTIONS } from "./data.js";

export const lintData: CommandRun<typeof DATA_LINT_OPTIONS> = async ({ terminal, signal, cwd }, options, [given = ""]) => {
  const opened = await openDataset(/[\\/]|^\.{1,2}$/.test(given) ? resolve(cwd, given) : given, {
    maxImageBytes: options.maxImageBytes,
    groupFolder: options.groupFolder,
    origins: dicomOrigins,
    namesFromLabels: true,
    ...(options.data === undefined ? {} : { root: resolve(cwd, options.data) }),
  });
  const dataset = options.volumes ? await withSeries(opened) : opened;
  try {
    for (const note of dataset.notes) terminal.note(note);
    const core = await loadCore({ deterministic: true });
    const found = await checkLeaks(dataset.name, dataset.items, terminal, {
      core,
      open: namingItems(itemReader(options), NAMED),
      cache: cacheOf(options, terminal),
      signal,
    });
    if (options.json) await terminal.line(JSON.stringify(asJson(dataset, found, options.volumes)));
    else await tell(terminal, dataset, found.report, options);
    return undefined;
  } finally {
    dataset.close();
  }
};

/** Refusals that end the command; that of a choice is named already. */
const NAMED = ["empty_input", "too_large", "too_many_frames", "unsupported_format", "not_an_image", "corrupt_image", "timeout"];

const image = ({ items, classes }: OpenedDataset, i: number) => {
  const { id, label, split } = nth(items, i);
  return { image: id, class: nth(classes, label), ...(split === undefined ? {} : { split }) };
};

function asJson(dataset: OpenedDataset, { report, warnings }: LeakCheck, volumes: boolean) {
  const { equal, pairs, leaked, ...counts } = report;
  return {
    dataset: dataset.name,
    ...(volumes ? { volumes: true } : {}),
    split: dataset.splitOrigin,
    ...counts,
    equal: equal.map((same) => same.map((i) => image(dataset, i))),
    pairs: pairs.map((pair) => ({
      a: image(dataset, pair.a),
      b: image(dataset, pair.b),
      equal: pair.equal,
      correlation: Math.round(pair.correlation * 1e4) / 1e4,
      flip: pair.flip,
    })),
    leaked: dataset.items.filter((_, i) => leaked[i] === true).map(({ id }) => id),
    warnings,
  };
}

async function tell(
  terminal: Terminal,
  dataset: OpenedDataset,
  report: LeakReport,
  { list: most, volumes }: Pick<OptionValues<typeof DATA_LINT_OPTIONS>, "list" | "volumes">,
): Promise<void> {
  const { twinsOfTrain, groups } = report;
  const rows: readonly (readonly [string, number])[] = [
    [volumes ? "series and single images" : "images", report.images],
    ["equal another one in content", report.equalImages],
    ["pairs that show the same picture", report.twinPairs],
    ["  with different labels", report.acrossLabels],
    [`  on two sides of the ${dataset.splitOrigin} split`, report.acrossSplits],
    ["images of val with a twin in train", twinsOfTrain.val],
    ["images of test with a twin in train", twinsOfTrain.test],
    ["groups on two sides of the split", groups.across],
    ["images of test whose group is in train", groups.testImages],
  ];
  for (const [what, count] of rows) await terminal.line(`${what.padEnd(42)} ${String(count).padStart(7)}`);
  const of = (pair: ImagePair) => [nth(dataset.items, pair.a), nth(dataset.items, pair.b)] as const;
  const kinds: readonly (readonly [string, (pair: ImagePair) => boolean])[] = [
    ["different labels", (pair) => of(pair)[0].label !== of(pair)[1].label],
    ["two sides of the split", (pair) => of(pair)[0].label === of(pair)[1].label && of(pair)[0].split !== of(pair)[1].split],
    ["one label, one side", (pair) => of(pair)[0].label === of(pair)[1].label && of(pair)[0].split === of(pair)[1].split],
  ];
  for (const [title, belongs] of kinds) {
    const pairs = report.pairs.filter(belongs);
    if (pairs.length === 0 || most === 0) continue;
    await terminal.line(`\n${title}`);
    for (const pair of pairs.slice(0, most)) await terminal.line(`  ${pairText(dataset, pair)}`);
    if (pairs.length > most) await terminal.line(`  … and ${pairs.length - most} more: --list ${pairs.length}, or --json`);
  }
}

function pairText(dataset: OpenedDataset, pair: ImagePair): string {
  const [a, b] = [image(dataset, pair.a), image(dataset, pair.b)].map(
    (one) => `${printable(one.image)} (${[printable(one.class), one.split].filter((part) => part !== undefined).join(", ")})`,
  );
  const how = pair.equal ? "equal content" : `${pair.correlation.toFixed(4)}${pair.flip === "none" ? "" : `, mirrored ${pair.flip}`}`;
  return `${a}  =  ${b}  ${how}`;
}
