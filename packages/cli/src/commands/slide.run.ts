// `biovlm slide`: a whole-slide image in, an answer for each tile of tissue and one for the slide out.
// The work alone: what it is asked for by is slide.ts. Tiles stream: a bounded number is in flight, whatever the slide's size.

import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type ClassifiedImage, classifyImages, MeanAnswer, type Runtime, shownDifferences } from "@biovlm/engine";
import { counted } from "@biovlm/files";
import { openSlide, type Slide, type TileGrid, type Tissue, tissueShares } from "@biovlm/imaging/node";
import { type Classifier, createClassifier, type PromptBank } from "@biovlm/model";
import { checkClassOptions, chooseBank } from "../class-choice.js";
import { togetherLines } from "../classification-text.js";
import type { CommandRun, OptionValues } from "../command.js";
import { usageError } from "../errors.js";
import { EXIT } from "../exit-codes.js";
import { changeNote, fallbackNote, openRuntime } from "../opening.js";
import { encodePng } from "../phantoms/png-file.js";
import { prevalenceOf } from "../prevalence-choice.js";
import { writeResult } from "../result-file.js";
import { drawHeatMap } from "../slide/heat-map.js";
import { gridOf } from "../slide/slide-grid.js";
import { SlideOutput, type ToldTile } from "../slide/slide-output.js";
import { isTile, type SlideTile, slideTiles } from "../slide/slide-tiles.js";
import { RESEARCH_USE, type Terminal } from "../terminal.js";
import type { SLIDE_OPTIONS } from "./slide.js";

type Options = OptionValues<typeof SLIDE_OPTIONS>;

/** How tiles are shown: as they are. */
const AS_THEY_ARE = { exif: "apply", frame: "middle", plane: "axial", window: "file", range: "file", ultrasoundRegion: false } as const;
const LIMITS = { maxImageBytes: 1, maxPixels: 25_000_000 } as const;
/** Tiles read at once. */
const AT_ONCE = 4;
const SUREST = 5;
/** Probabilities that heat maps may hold, 4 bytes each. */
const MAX_HEAT_VALUES = 32_000_000;

export const classifySlide: CommandRun<typeof SLIDE_OPTIONS> = async ({ terminal, signal, cwd }, options, [name = ""]) => {
  const formats = (["json", "jsonl", "csv"] as const).filter((format) => options[format]);
  if (formats.length > 1) throw usageError("bad_usage", `--${formats.join(" and --")} — expected one of them, got ${formats.length}`);
  checkClassOptions(options);
  const slide = await openSlide(resolve(cwd, name));
  try {
    const grid = gridOf(slide, options);
    if (options.heatMap !== undefined) await mkdir(resolve(cwd, options.heatMap), { recursive: true });
    const runtime = await openRuntime(options, cwd, (change) => terminal.warn(changeNote(change)));
    try {
      return await answered({ terminal, signal, cwd, options, name, slide, grid, runtime });
    } finally {
      await runtime.close();
    }
  } finally {
    await slide.close();
  }
};

interface Work {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly cwd: string;
  readonly options: Options;
  readonly name: string;
  readonly slide: Slide;
  readonly grid: TileGrid;
  readonly runtime: Runtime;
}

async function classifierOf({ options, runtime, cwd }: Work): Promise<Classifier> {
  const chosen = await chooseBank(options, runtime, cwd);
  requireAsTheyAre(chosen.bank);
  const prevalence = prevalenceOf(options.prevalence, chosen.classes ?? chosen.bank.classes);
  return createClassifier({
    ...{ core: runtime.core, encoder: runtime.encoder, model: runtime.model, bank: chosen.bank },
    ...(chosen.classes === undefined ? {} : { classes: chosen.classes }),
    ...(options.rho === undefined ? {} : { rho: options.rho }),
    ...(prevalence === undefined ? {} : { prevalence }),
  });
}

/** @throws CliError `shown_otherwise` (exit 2) of a bank whose images were shown in a way that slides have not */
function requireAsTheyAre(bank: PromptBank): void {
  const [other] = shownDifferences(bank, AS_THEY_ARE);
  if (other === undefined) return;
  throw usageError(
    "shown_otherwise",
    `slide — expected a bank of images that were shown as they are, got one learned with ${other.name} ${other.learned}`,
    "Use a bank that was learned from tiles of slides.",
  );
}

async function answered(work: Work) {
  const { terminal, signal, options, name, slide, grid, runtime } = work;
  const note = fallbackNote(runtime);
  if (note !== undefined) terminal.warn(note);
  const classifier = await classifierOf(work);
  const { classes } = classifier;
  const cells = grid.columns * grid.rows;
  const heat = options.heatMap === undefined ? undefined : heatValues(cells, classes.length);
  const tissue = await tissueShares(slide, grid, signal);
  const wanted = tissue.shares.reduce((sum, share) => sum + (share >= options.minTissue ? 1 : 0), 0);
  const output = new SlideOutput(terminal, options, classes);
  const mean = new MeanAnswer({ classes, most: SUREST });
  const progress = terminal.progress("slide", wanted, "tiles");
  const files = { ...AS_THEY_ARE, ...LIMITS, batch: options.batch };
  const asked = { core: runtime.core, encoder: runtime.encoder, classifier, files, explain: false, atOnce: AT_ONCE, signal };
  for await (const result of classifyImages(slideTiles(slide, grid, tissue.shares, options.minTissue, name), asked)) {
    await tellTile(result, { name, grid, output, mean, heat, classes });
    progress.advance();
  }
  progress.end();
  const maps = heat === undefined ? [] : await writeHeatMaps(work, classes, heat);
  await tellSlide(work, { classifier, tissue, wanted, output, mean, maps });
  return output.bad === 0 ? EXIT.ok : output.answered === 0 ? EXIT.failure : EXIT.partial;
}

/** A map's values for each class, none yet. @throws CliError `bad_usage` where they are too many */
function heatValues(cells: number, classes: number): Float32Array[] {
  if (cells * classes > MAX_HEAT_VALUES)
    throw usageError(
      "bad_usage",
      `--heat-map — expected at most ${MAX_HEAT_VALUES} probabilities, got ${cells} tiles of ${classes} classes`,
      "Ask for larger tiles (--tile), coarser pixels (--microns-per-pixel), or fewer classes.",
    );
  return Array.from({ length: classes }, () => new Float32Array(cells).fill(Number.NaN));
}

const told = ({ level, micronsPerPixel }: TileGrid, { x, y, side, tissue }: Omit<SlideTile, "open" | "name" | "cell">): ToldTile => ({
  ...{ x, y, side, level },
  ...(micronsPerPixel === undefined ? {} : { micronsPerPixel: Number(micronsPerPixel.toPrecision(6)) }),
  tissue: Math.round(tissue * 10_000) / 10_000,
});

interface TileTelling {
  readonly name: string;
  readonly grid: TileGrid;
  readonly output: SlideOutput;
  readonly mean: MeanAnswer;
  readonly heat: readonly Float32Array[] | undefined;
  readonly classes: readonly string[];
}

async function tellTile(result: ClassifiedImage, { name, grid, output, mean, heat, classes }: TileTelling): Promise<void> {
  const { source } = result;
  if (!isTile(source)) return;
  const tile = told(grid, source);
  if ("error" in result) return output.failed(name, tile, result.error);
  const { predictions } = result.answer;
  mean.add(source.cell + 1, predictions);
  for (const { class: of, probability } of predictions) {
    const values = heat?.[classes.indexOf(of)];
    if (values !== undefined) values[source.cell] = probability;
  }
  await output.tile(name, tile, result.answer);
}

/** A class's name as a file's: what any system takes. */
const fileName = (index: number, name: string) =>
  `${String(index + 1).padStart(2, "0")}-${name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 60)}.png`;

async function writeHeatMaps({ options, grid, cwd, signal }: Work, classes: readonly string[], heat: readonly Float32Array[]) {
  const maps: { class: string; file: string }[] = [];
  for (const [i, values] of heat.entries()) {
    const name = classes[i] ?? "";
    const file = join(options.heatMap ?? "", fileName(i, name));
    await writeResult(resolve(cwd, file), encodePng(drawHeatMap({ ...grid, values })), { signal });
    maps.push({ class: name, file });
  }
  return maps;
}

interface SlideTelling {
  readonly classifier: Classifier;
  readonly tissue: Tissue;
  readonly wanted: number;
  readonly output: SlideOutput;
  readonly mean: MeanAnswer;
  readonly maps: readonly { readonly class: string; readonly file: string }[];
}

async function tellSlide(work: Work, { classifier, tissue, wanted, output, mean, maps }: SlideTelling): Promise<void> {
  const { terminal, options, name, slide, grid, runtime } = work;
  const together = mean.together();
  const { columns, rows, level, side, scale } = grid;
  const place = (cell: number) => ({
    x: Math.round((cell % columns) * side * scale),
    y: Math.round(Math.floor(cell / columns) * side * scale),
  });
  const surest = (together?.surest ?? []).map(({ at, ...answer }) => ({ ...place(at - 1), ...answer }));
  const [finest] = slide.levels;
  const { core, encoder, model } = runtime;
  const element = {
    slide: name,
    format: slide.format,
    size: { width: finest?.width, height: finest?.height },
    ...(finest?.micronsPerPixel === undefined ? {} : { micronsPerPixel: Number(finest.micronsPerPixel.toPrecision(6)) }),
    levels: slide.levels.map(({ width, height }) => ({ width, height })),
    tiles: { count: columns * rows, tissue: wanted, answered: output.answered, level, surest },
    mask: { level: tissue.level, threshold: tissue.threshold, minTissue: options.minTissue },
    predictions: together?.predictions ?? [],
    ...(maps.length === 0 ? {} : { heatMaps: maps }),
    notes: slide.notes,
    model: { name: model.name, digest: model.digest },
    bank: { digest: classifier.bankDigest },
    ...(classifier.prevalence === undefined ? {} : { prevalence: classifier.prevalence }),
    ...{ device: encoder.capabilities.device, core: core.info.build, notice: RESEARCH_USE },
  };
  const counts = `${output.answered} of ${counted(wanted, "tile")} of tissue (${counted(columns * rows, "tile")} in all, level ${level})`;
  const lines =
    together === undefined
      ? [`${name}: no tile with enough tissue (${counted(columns * rows, "tile")}, --min-tissue ${options.minTissue})`]
      : togetherLines(name, together, counts, "tile", {
          ...{ top: options.top, columns: terminal.columns, colors: terminal.out },
          at: (cell) => `${place(cell - 1).x}, ${place(cell - 1).y}`,
        });
  const more = [
    ...slide.notes.map((note) => `  note: ${note}`),
    ...(maps.length === 0 ? [] : [`  heat maps: ${options.heatMap}, one a class, 0 to 1`]),
  ];
  await output.end(element, [...lines, ...more.map((line) => terminal.out.dim(line))]);
}
