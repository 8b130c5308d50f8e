// `biovlm reproduce`: the paper's three settings over its data sets, beside what was published.
// The work alone: what it is asked for by is reproduce.ts.

import { join, resolve } from "node:path";
import {
  BIOMEDCOOP_SUITE,
  type Cell,
  ItemImages,
  METHODS,
  PUBLISHED_FIGURES,
  type Reproduction,
  reproduction,
  reproductionReport,
  type Setting,
  sweep,
} from "@biovlm/evaluation";
import { suggest } from "@biovlm/files";
import { fileStore } from "@biovlm/files/node";
import { type CheckedSources, checkedSources } from "../checked-source.js";
import type { CommandContext, CommandRun, OptionValues } from "../command.js";
import { notFoundError, usageError } from "../errors.js";
import { itemReader } from "../learning-source.js";
import { cacheOf } from "../learning-stores.js";
import { openRuntime } from "../opening.js";
import { wholeNumbers } from "../option-values.js";
import { viewsOf } from "../recipe-choice.js";
import { missingModel, missingSet } from "../reproduction-parts.js";
import { writeResult } from "../result-file.js";
import { version } from "../version.js";
import type { REPRODUCE_OPTIONS } from "./reproduce.js";

type Options = OptionValues<typeof REPRODUCE_OPTIONS>;

const SETTINGS: readonly Setting[] = ["few-shot", "base-to-new", "cross-dataset"];

export const reproducePaper: CommandRun<typeof REPRODUCE_OPTIONS> = async (context, options, given) => {
  const { terminal, signal, cwd } = context;
  const plan = planOf(options, given);
  await missingModel(context, options);
  const runtime = await openRuntime({ ...options, deterministic: true }, cwd);
  let sources: CheckedSources | undefined;
  try {
    const { core, encoder, model } = runtime;
    const cache = cacheOf(options, terminal);
    const images = new ItemImages(runtime, { read: itemReader(options), cache });
    const own = { ...options, attributes: undefined, rename: [], class: [], groupFolder: false };
    sources = checkedSources(own, { core, images, cache, terminal, signal, cwd });
    const { there, absent, open } = await openAll(context, options, plan.datasets, sources);
    const out = resolve(cwd, options.out);
    const refused: string[] = [];
    const cells: Cell[] = [];
    for (const setting of plan.settings) {
      if (setting === "cross-dataset" && there.length < 2) continue;
      let bar: ReturnType<typeof terminal.progress> | undefined;
      const { shots, seeds, methods } = plan;
      const ran = await sweep(
        { core, encoder, model },
        { setting, datasets: there, shots: setting === "few-shot" ? shots : [Math.max(...shots)], seeds, methods },
        {
          ...{ images, open, signal, cells: fileStore(out) },
          views: viewsOf({ ...options, views: options.views ?? "bank", recipe: "released" }),
          ...(cache === undefined ? {} : { cache }),
          onCell(cell, { total, resumed }) {
            bar ??= terminal.progress(setting, total, "cells");
            if (resumed) bar.skip(1);
            else bar.advance();
            bar.label(`${cell.dataset} ${cell.shots} shots, seed ${cell.seed}, ${cell.method}`);
          },
          onRefused: (reason) => refused.push(reason),
        },
      );
      bar?.end();
      cells.push(...ran);
    }
    const all = await reproduction(cells, {
      program: `biovlm ${version()}`,
      model: { name: model.name, digest: model.digest, device: encoder.capabilities.device, core: core.info.build },
      asked: {
        settings: plan.settings,
        shots: plan.shots,
        seeds: plan.seeds,
        methods: plan.methods.map(({ name }) => name),
        views: options.views ?? "bank",
      },
      data: dataOf(sources, there),
      absent,
      refused,
    });
    await written(context, options, out, all);
    return undefined;
  } finally {
    sources?.close();
    await runtime.close();
  }
};

/** What is asked for, checked before anything is opened. */
function planOf(options: Options, given: readonly string[]) {
  const settings = options.setting.length === 0 ? SETTINGS : options.setting.map((name) => known(name, SETTINGS, "--setting"));
  const names = METHODS.map(({ name }) => name);
  const published = [...new Set(PUBLISHED_FIGURES.flatMap(({ methods }) => methods)), "attribute-bank", "mixture"];
  const wanted = options.method.length > 0 ? options.method.map((name) => known(name, names, "--method")) : published;
  const methods = METHODS.filter(({ name }) => wanted.includes(name));
  const sets = [
    ...PUBLISHED_FIGURES.flatMap(({ dataset }) => (dataset === "suite" ? [] : [dataset])),
    ...BIOMEDCOOP_SUITE.flatMap(({ name }) => (name === undefined ? [] : [name])),
  ];
  const datasets = [...new Set(given.length > 0 ? given : sets)];
  return { settings, methods, datasets, shots: wholeNumbers(options.shots, "--shots"), seeds: wholeNumbers(options.seeds, "--seeds") };
}

/** @throws CliError `bad_value` (exit 2) */
function known<T extends string>(name: string, names: readonly T[], flag: string): T {
  const found = names.find((one) => one === name);
  if (found === undefined)
    throw usageError("bad_value", `${flag} — expected one of ${names.join(", ")}, got ${JSON.stringify(name)}`, suggest(name, names));
  return found;
}

/** Opens every set once, fetching what may be fetched; what is not there is kept with its code. @throws CliError `no_datasets` where none is */
async function openAll(context: CommandContext, options: Options, names: readonly string[], sources: CheckedSources) {
  const opened = new Map<string, Awaited<ReturnType<CheckedSources["open"]>>>();
  const absent: { dataset: string; code: string }[] = [];
  for (const name of names) {
    const code = await missingSet(context, options, name, async () => void opened.set(name, await sources.open(name)));
    if (code !== undefined) absent.push({ dataset: name, code });
  }
  if (opened.size === 0)
    throw notFoundError(
      "no_datasets",
      `data sets — expected at least one of ${names.join(", ")}, got none`,
      "Set BIOVLM_DATA or --data to a folder that holds one, or let them be fetched: --pull missing.",
    );
  return { there: [...opened.keys()], absent, open: async (name: string) => opened.get(name) ?? sources.open(name) };
}

function dataOf(sources: CheckedSources, names: readonly string[]): Reproduction["data"] {
  return names.map((name) => {
    const set = sources.sets.get(name);
    return {
      dataset: set?.dataset.name ?? name,
      images: set?.dataset.items.length ?? 0,
      split: set?.dataset.splitOrigin ?? "drawn",
      ...(set?.digest === undefined ? {} : { digest: set.digest }),
      warnings: sources.warnings.filter(({ dataset }) => dataset === name).map(({ message }) => message),
    };
  });
}

async function written({ terminal }: CommandContext, options: Options, out: string, all: Reproduction): Promise<void> {
  const report = reproductionReport(all);
  const json = `${JSON.stringify(all)}\n`;
  await writeResult(join(out, "reproduction.json"), json);
  await writeResult(join(out, "reproduction.md"), report);
  if (options.json) await terminal.write(json);
  else await terminal.write(report);
  terminal.note(`to attach to a report: ${join(options.out, "reproduction.md")}`);
}
