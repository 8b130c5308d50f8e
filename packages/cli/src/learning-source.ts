// Which data set a command learns from or measures on, with what is to be said about it.

import { resolve } from "node:path";
import { type AttributeSet, joinSeries, matchClasses, type OpenedDataset, parseAttributeSet } from "@biovlm/datasets";
import { openDataset } from "@biovlm/datasets/node";
import { decodeOptions, fastImages, frameVariant } from "@biovlm/engine";
import { imageReader, itemSource } from "@biovlm/engine/images";
import type { FrameChoice, ImageLimitOptions } from "@biovlm/engine/options";
import type { ReadItem, TaskSource } from "@biovlm/evaluation";
import { nth } from "@biovlm/files";
import {
  type DecodedImage,
  decodeImage,
  dicomOrigins,
  ImagingError,
  orderedSeries,
  readSlicePlace,
  sharpDecoder,
} from "@biovlm/imaging/node";
import { SEEN_WITH_LABELS } from "@biovlm/model-tiny";
import { usageError } from "./errors.js";
import { INPUT_LIMITS, readInputText } from "./input-file.js";
import type { LearningOptions } from "./learning-options.js";
import { settingsOf } from "./recipe-choice.js";
import { printable } from "./terminal.js";
import { volumeStack } from "./volume-stack.js";

/** What is learned from pictures that are nearly black would be kept without a word. @throws ImagingError `bad_option` */
function ranged({ notes = [], unsaidRange, ...image }: DecodedImage) {
  if (!unsaidRange) return image;
  throw new ImagingError(
    "bad_option",
    `range — expected one for these images: ${notes.at(-1)}. Give --range, or --range full to take them as they are.`,
  );
}

/** Whether series are examples, and how one is opened. */
export interface VolumeChoice {
  readonly volumes?: boolean | undefined;
}

/**
 * Opens data sets' items: each once, and decoded once, within the limits; with `volumes` every frame of every file of an item.
 * @throws CliError `bad_usage` for one frame of a volume
 */
export function itemReader(options: ImageLimitOptions & FrameChoice & VolumeChoice): ReadItem {
  // what cannot be read is named by who looks through a whole set
  return namingItems(plainReader(options), ["bad_option"]);
}

function plainReader(options: ImageLimitOptions & FrameChoice & VolumeChoice): ReadItem {
  if (options.volumes === true) {
    const stack = volumeStack(options, ranged);
    return async ({ slices, ...item }) => {
      const { sha256, count, picture } = await stack((slices ?? [item]).map(itemSource));
      const pixels = () => picture(Math.floor(count / 2));
      return count === 1 ? { sha256, pixels } : { sha256, pixels, slices: { count, picture } };
    };
  }
  const asked = decodeOptions(options);
  const decoder = sharpDecoder();
  const decode = async (bytes: Uint8Array) => ranged(await decodeImage(bytes, asked));
  const check = async (bytes: Uint8Array) => void (await decoder.open(bytes, asked));
  const way = fastImages();
  const crop = async (bytes: Uint8Array, size: number) => (await way).prepare?.(bytes, asked, size);
  const read = imageReader({ decode, crop, check, variant: frameVariant(options) });
  return (item) => read(itemSource(item));
}

/**
 * The same with the item's name in front of what is refused of it: where one refusal ends the command, it says of which image it is.
 * @param codes those that are named; default: all
 */
export function namingItems(read: ReadItem, codes?: readonly string[]): ReadItem {
  return async (item) => {
    const named = async <T>(work: () => Promise<T>): Promise<T> => {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ImagingError) || codes?.includes(error.code) === false) throw error;
        throw new ImagingError(error.code, `${printable(item.id)}: ${error.message}`, { cause: error });
      }
    };
    const image = await named(() => read(item));
    const { slices } = image;
    return {
      sha256: image.sha256,
      ...(image.held === undefined ? {} : { held: image.held }),
      pixels: () => named(() => image.pixels()),
      // undefined is said where there is none, too
      crop: (size) => named(async () => image.crop?.(size)),
      ...(slices === undefined ? {} : { slices: { count: slices.count, picture: (at: number) => named(() => slices.picture(at)) } }),
    };
  };
}

/** What prepares the images of an {@link itemReader}: "native png, jpeg", or sharp and why. */
export async function imagesBy({ volumes }: VolumeChoice): Promise<string> {
  if (volumes === true) return "sharp and own readers";
  const { prepare, detail } = await fastImages();
  return prepare === undefined ? `sharp (${detail})` : detail;
}

/** A person's attribute file in the data set's order of classes. @throws DatasetError `unknown_class` with both lists */
function byName(dataset: OpenedDataset, set: AttributeSet, rename: readonly string[]): AttributeSet {
  const given = set.classes.map(({ name }) => name);
  const places = matchClasses(dataset.classes, given, {
    wantedFrom: `data set ${dataset.name}`,
    givenFrom: "the attribute file",
    rename: renames(rename),
  });
  // in the data set's own order from here on
  return { ...set, dataset: dataset.name, classes: places.map((place, id) => ({ ...nth(set.classes, place), id })) };
}

/** `--rename folder=name` pairs. @throws CliError `bad_value`, also where one folder stands twice */
export function renames(pairs: readonly string[]): Readonly<Record<string, string>> {
  const named = settingsOf(pairs, "--rename");
  if (Object.keys(named).length < pairs.length)
    throw usageError("bad_value", `--rename — expected each folder once, got ${JSON.stringify(pairs.join(", "))}`);
  return named;
}

/** A renaming speaks of an attribute file's or a bank's names: without either there is nothing that it could act on. @throws CliError `bad_usage` */
export function checkRename(
  {
    rename,
    attributes,
    bank,
  }: { readonly rename: readonly string[]; readonly attributes?: string | undefined; readonly bank?: string | undefined },
  takesBank = false,
): void {
  renames(rename);
  if (rename.length === 0 || attributes !== undefined || bank !== undefined) return;
  const [expected, got] = takesBank ? ["--attributes or --bank", "neither"] : ["--attributes", "none"];
  throw usageError(
    "bad_usage",
    `--rename — expected ${expected} beside it, got ${got}`,
    "It says what an attribute file or a bank calls a class of the data set. Classes are called as their folders are: rename a folder to rename its class.",
  );
}

/** The data set with the names of `--class`, where its labels are numbers. @throws CliError `bad_usage`, `bad_value` */
function withNames(dataset: OpenedDataset, names: readonly string[]): OpenedDataset {
  if (names.length === 0 || sameList(dataset.classes, names)) return dataset;
  const refused = dataset.classes.every((name) => /^-?\d+$/.test(name))
    ? dataset.classes.length === names.length
      ? undefined
      : usageError("bad_value", `--class — expected ${dataset.classes.length} names, one a label, got ${names.length}`)
    : usageError(
        "bad_usage",
        `--class — expected a data set whose labels are numbers, got classes ${dataset.classes.slice(0, 5).join(", ")}`,
        "They are called as the data set has them. Drop --class.",
      );
  if (refused === undefined) return { ...dataset, classes: names };
  dataset.close();
  throw refused;
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

/** The data set with one item for each series. @throws DatasetError `bad_file` for a series with two labels, or on two sides */
export async function withSeries(opened: OpenedDataset): Promise<OpenedDataset> {
  try {
    return await joinSeries(opened, { ...dicomOrigins, read: readSlicePlace, ordered: orderedSeries });
  } catch (error) {
    opened.close();
    throw error;
  }
}

/** A data set by name or folder, with its attributes and the care that the embedded model asks for. */
export async function openSource(
  given: string,
  options: Pick<LearningOptions, "attributes" | "data" | "rename" | "class" | "groupFolder"> &
    Pick<ImageLimitOptions, "maxImageBytes"> &
    VolumeChoice,
  model: string,
  cwd: string,
): Promise<TaskSource & { readonly dataset: OpenedDataset; readonly notes: readonly string[] }> {
  const place = /[\\/]|^\.{1,2}$|\.(?:csv|npz)$/i.test(given) ? resolve(cwd, given) : given;
  const arrays = /\.npz$/i.test(given);
  const opened = await openDataset(place, {
    maxImageBytes: options.maxImageBytes,
    groupFolder: options.groupFolder,
    origins: dicomOrigins,
    ...(options.data === undefined ? {} : { root: resolve(cwd, options.data) }),
    ...(arrays && options.class.length > 0 ? { classes: options.class } : {}),
  });
  const dataset = withNames(options.volumes === true ? await withSeries(opened) : opened, options.class);
  const attributes =
    options.attributes === undefined
      ? dataset.attributes
      : byName(dataset, await parseAttributeSet(await readInputText(cwd, options.attributes, INPUT_LIMITS.attributes)), options.rename);
  const odd = model === "tiny" && (SEEN_WITH_LABELS.evenTrain as readonly string[]).includes(dataset.name);
  const whole = model === "tiny" && (SEEN_WITH_LABELS.whole as readonly string[]).includes(dataset.name);
  return {
    dataset,
    ...(attributes === undefined ? {} : { attributes }),
    parity: odd ? "odd" : "all",
    notes: [
      ...dataset.notes,
      ...(odd
        ? [`the embedded model saw the even half of ${dataset.name}'s training images with labels: shots come from the odd half`]
        : []),
      ...(whole ? [`the embedded model saw ${dataset.name} with labels: figures on it are no test`] : []),
    ],
  };
}
