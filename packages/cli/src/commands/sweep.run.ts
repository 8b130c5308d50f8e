// `biovlm sweep`: data sets × shots × seeds × methods in one setting, resumable, as JSON, CSV and Markdown.
// The work alone: what it is asked for by is sweep.ts.

import { join, resolve } from "node:path";
import { frameVariant } from "@biovlm/engine";
import {
  type Cell,
  comparisonsOf,
  csvReport,
  DEFAULT_OPPONENT,
  ItemImages,
  METHODS,
  type Method,
  markdownReport,
  methodNamed,
  recipeMethod,
  rowsOf,
  sweep,
  twinsReport,
} from "@biovlm/evaluation";
import { sweepPage } from "@biovlm/evaluation/node";
import { suggest } from "@biovlm/files";
import { fileStore } from "@biovlm/files/node";
import { recipeWith } from "@biovlm/training";
import { type CheckedSources, checkedSources, type SourceWarning } from "../checked-source.js";
import type { CommandRun, OptionValues } from "../command.js";
import { usageError } from "../errors.js";
import { checkRename, imagesBy, itemReader } from "../learning-source.js";
import { cacheOf } from "../learning-stores.js";
import { openRuntime } from "../opening.js";
import { wholeNumbers } from "../option-values.js";
import { recipeOf, settingsOf, viewsOf } from "../recipe-choice.js";
import { writeResult } from "../result-file.js";
import type { SWEEP_OPTIONS } from "./sweep.js";

export const runSweep: CommandRun<typeof SWEEP_OPTIONS> = async ({ terminal, signal, cwd }, options, names) => {
  const known = METHODS.map((m) => m.name);
  const methods: Method[] = [];
  for (const name of options.method.length > 0 ? options.method : options.variant.length > 0 ? [] : known) {
    const method = methodNamed(name);
    if (method === undefined) throw usageError("unknown_method", `no method ${JSON.stringify(name)}`, suggest(name, known));
    methods.push(method);
  }
  checkAgainst(options, methods);
  checkRename(options);
  checkRecipe(options);
  checkTestOn(options);
  const base = recipeOf(options);
  for (const text of options.variant) {
    methods.push(recipeMethod(text, `${options.recipe} with ${text}`, recipeWith(base, settingsOf(text.split(",")))));
  }
  const runtime = await openRuntime({ ...options, deterministic: true }, cwd);
  let sources: CheckedSources | undefined;
  try {
    const { core, encoder, model } = runtime;
    const out = resolve(cwd, options.out);
    const cache = cacheOf(options, terminal);
    let bar: ReturnType<typeof terminal.progress> | undefined;
    const shown = frameVariant(options);
    const images = new ItemImages(runtime, { read: itemReader(options), cache });
    terminal.note(`images by ${await imagesBy(options)}`);
    sources = checkedSources(options, { core, images, cache, terminal, signal, cwd });
    const cells = await sweep(
      { core, encoder, model },
      {
        setting: options.setting,
        datasets: names,
        shots: wholeNumbers(options.shots, "--shots"),
        seeds: wholeNumbers(options.seeds, "--seeds"),
        methods,
        testOn: options.testOn,
      },
      {
        images,
        views: viewsOf(options),
        volumes: options.volumes,
        ...(shown === "" ? {} : { shown }),
        ...(cache === undefined ? {} : { cache }),
        cells: fileStore(out),
        signal,
        open: sources.open,
        onCell(cell, { total, resumed }) {
          bar ??= terminal.progress("sweep", total, "cells");
          if (resumed) bar.skip(1);
          else bar.advance();
          bar.label(`${cell.dataset} ${cell.shots} shots, seed ${cell.seed}, ${cell.method}`);
        },
        onRefused: (reason) => terminal.warn(reason),
      },
    );
    bar?.end();
    const report = [markdownReport(cells, options.against), twinsReport(cells)].filter((part) => part !== "").join("\n");
    const results = JSON.stringify(resultsOf(cells, options, sources.warnings));
    await writeResult(join(out, "results.json"), `${results}\n`);
    await writeResult(join(out, "results.csv"), csvReport(cells, options.against));
    await writeResult(join(out, "results.md"), report);
    await writeResult(join(out, "results.html"), await sweepPage(cells, report));
    if (options.json) await terminal.line(results);
    else await terminal.write(report);
    return undefined;
  } finally {
    sources?.close();
    await runtime.close();
  }
};

/** An opponent that was asked for must be among what runs. The default one may be absent: the report then says that there is no test. */
function checkAgainst({ against, variant }: OptionValues<typeof SWEEP_OPTIONS>, methods: readonly Method[]): void {
  const running = [...methods.map(({ name }) => name), ...variant];
  if (against !== DEFAULT_OPPONENT && !running.includes(against)) {
    throw usageError(
      "unknown_method",
      `--against — expected one of the methods of this sweep (${running.join(", ")}), got ${JSON.stringify(against)}`,
      suggest(against, running),
    );
  }
}

/** The recipe's options make variants; the named methods have recipes of their own, which nothing here changes. */
function checkRecipe({ set, variant }: OptionValues<typeof SWEEP_OPTIONS>): void {
  if (set.length === 0 || variant.length > 0) return;
  throw usageError(
    "bad_usage",
    "--set — expected --variant beside it, got none",
    `Named methods keep their own recipes. Ask for the changed one as a variant: --variant ${set.join(",")}`,
  );
}

/** The rest of the training split holds the shots' own pictures again, where a set has twins: without looking for them it is no test. */
function checkTestOn({ testOn, twins }: OptionValues<typeof SWEEP_OPTIONS>): void {
  if (testOn !== "rest" || twins !== "off") return;
  throw usageError(
    "bad_usage",
    "--test-on rest — expected --twins check beside it, got off",
    "The rest of the training split is measured on without the twins of the shots, which must be looked for. Drop --twins off, or say --test-on val.",
  );
}

/** What results.json and --json hold. */
function resultsOf(
  cells: readonly Cell[],
  { against, volumes }: Pick<OptionValues<typeof SWEEP_OPTIONS>, "against" | "volumes">,
  warnings: readonly SourceWarning[],
) {
  return {
    format: "biovlm-sweep/1",
    notice: "Research use only, not a medical device.",
    against,
    ...(volumes ? { volumes: true } : {}),
    warnings,
    rows: rowsOf(cells),
    comparisons: comparisonsOf(cells, against),
    cells,
  };
}
