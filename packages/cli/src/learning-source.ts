// Which data set a command learns from or measures on, with what is to be said about it.

import { resolve } from "node:path";
import { type AttributeSet, matchClasses, type OpenedDataset, parseAttributeSet } from "@biovlm/datasets";
import { openDataset } from "@biovlm/datasets/node";
import { decodeOptions, frameVariant } from "@biovlm/engine";
import { imageReader, itemSource } from "@biovlm/engine/images";
import type { FrameChoice, ImageLimitOptions } from "@biovlm/engine/options";
import type { ReadItem, TaskSource } from "@biovlm/evaluation";
import { nth } from "@biovlm/files";
import { decodeImage, ImagingError } from "@biovlm/imaging/node";
import { SEEN_WITH_LABELS } from "@biovlm/model-tiny";
import { INPUT_LIMITS, readInputText } from "./input-file.js";
import type { LearningOptions } from "./learning-options.js";
import { settingsOf } from "./recipe-choice.js";

/** Opens data sets' items: each once, and decoded once, within the limits. */
export function itemReader(options: ImageLimitOptions & FrameChoice): ReadItem {
  const asked = decodeOptions(options);
  const decode = async (bytes: Uint8Array) => {
    const { notes = [], ...image } = await decodeImage(bytes, asked);
    // what is learned from pictures that are nearly black would be kept without a word
    for (const note of notes)
      throw new ImagingError(
        "bad_option",
        `range — expected one for these images: ${note}. Give --range, or --range full to take them as they are.`,
      );
    return image;
  };
  const read = imageReader({ decode, variant: frameVariant(options) });
  return (item) => read(itemSource(item));
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

/** `--rename folder=name` pairs. @throws CliError `bad_value` */
export function renames(pairs: readonly string[]): Readonly<Record<string, string>> {
  return settingsOf(pairs, "--rename");
}

/** A data set by name or folder, with its attributes and the care that the embedded model asks for. */
export async function openSource(
  given: string,
  options: Pick<LearningOptions, "attributes" | "data" | "rename"> & Pick<ImageLimitOptions, "maxImageBytes">,
  model: string,
  cwd: string,
): Promise<TaskSource & { readonly dataset: OpenedDataset; readonly notes: readonly string[] }> {
  const place = /[\\/]|^\.{1,2}$/.test(given) ? resolve(cwd, given) : given;
  const dataset = await openDataset(place, {
    maxImageBytes: options.maxImageBytes,
    ...(options.data === undefined ? {} : { root: resolve(cwd, options.data) }),
  });
  const attributes =
    options.attributes === undefined
      ? dataset.attributes
      : byName(dataset, parseAttributeSet(await readInputText(cwd, options.attributes, INPUT_LIMITS.attributes)), options.rename);
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
