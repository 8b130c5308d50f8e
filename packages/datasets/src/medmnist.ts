// MedMNIST 2D as facts: sizes, labels, licences and checksums of the official files (medmnist/info.py 3.0.2). Not the images.

import { nth } from "@biovlm/files";
import { requireKnown } from "./names.js";

/** What is published of one MedMNIST set. */
export interface MedmnistFacts {
  readonly name: string;
  readonly modality: string;
  readonly channels: 1 | 3;
  readonly counts: { readonly train: number; readonly val: number; readonly test: number };
  readonly classCount: number;
  readonly licence: string;
  /** MD5 of the official file by image side */
  readonly md5: Readonly<Partial<Record<28 | 64 | 128 | 224, string>>>;
  /** left and right are part of the label */
  readonly sided: boolean;
}

const CC_BY = "CC BY 4.0";

function facts(
  name: string,
  modality: string,
  channels: 1 | 3,
  classCount: number,
  counts: readonly [number, number, number],
  md5: readonly [string, string],
  extra: Partial<Pick<MedmnistFacts, "licence" | "sided">> = {},
): MedmnistFacts {
  return {
    name,
    modality,
    channels,
    classCount,
    counts: { train: counts[0], val: counts[1], test: counts[2] },
    licence: extra.licence ?? CC_BY,
    md5: { 28: md5[0], 224: md5[1] },
    sided: extra.sided ?? false,
  };
}

/** The official MedMNIST v2 sets of two dimensions, with the counts and digests that were published (Yang et al. 2023). */
export const MEDMNIST: readonly MedmnistFacts[] = [
  facts(
    "pathmnist",
    "colon pathology",
    3,
    9,
    [89996, 10004, 7180],
    ["a8b06965200029087d5bd730944a56c1", "2c51a510bcdc9cf8ddb2af93af1eadec"],
  ),
  facts("dermamnist", "dermatoscope", 3, 7, [7007, 1003, 2005], ["0744692d530f8e62ec473284d019b0c7", "8974907d8e169bef5f5b96bc506ae45d"], {
    licence: "CC BY-NC 4.0",
  }),
  facts("octmnist", "retinal OCT", 1, 4, [97477, 10832, 1000], ["c68d92d5b585d8d81f7112f81e2d0842", "abc493b6d529d5de7569faaef2773ba3"]),
  facts(
    "pneumoniamnist",
    "chest X-ray (paediatric)",
    1,
    2,
    [4708, 524, 624],
    ["28209eda62fecd6e6a2d98b1501bb15f", "d6a3c71de1b945ea11211b03746c1fe1"],
  ),
  facts("retinamnist", "fundus", 3, 5, [1080, 120, 400], ["bd4c0672f1bba3e3a89f0e4e876791e4", "eae7e3b6f3fcbda4ae613ebdcbe35348"]),
  facts("breastmnist", "breast ultrasound", 1, 2, [546, 78, 156], ["750601b1f35ba3300ea97c75c52ff8f6", "b56378a6eefa9fed602bb16d192d4c8b"]),
  facts(
    "bloodmnist",
    "blood cell microscope",
    3,
    8,
    [11959, 1712, 3421],
    ["7053d0359d879ad8a5505303e11de1dc", "b718ff6835fcbdb22ba9eacccd7b2601"],
  ),
  facts(
    "tissuemnist",
    "kidney cortex microscope",
    1,
    8,
    [165466, 23640, 47280],
    ["ebe78ee8b05294063de985d821c1c34b", "b077128c4a949f0a4eb01517f9037b9c"],
  ),
  facts(
    "organamnist",
    "abdominal CT axial",
    1,
    11,
    [34561, 6491, 17778],
    ["68e3f8846a6bd62f0c9bf841c0d9eacc", "50747347e05c87dd3aaf92c49f9f3170"],
    { sided: true },
  ),
  facts(
    "organcmnist",
    "abdominal CT coronal",
    1,
    11,
    [12975, 2392, 8216],
    ["b9ceb9546e10131b32923c5bbeaea2b1", "050f5e875dc056f6768abf94ec9995d1"],
    { sided: true },
  ),
  facts(
    "organsmnist",
    "abdominal CT sagittal",
    1,
    11,
    [13932, 2452, 8827],
    ["9ab87b696fb54e2a387ebe992d6ed5f1", "b354719e553fbbb2513d5533f52a4cb1"],
  ),
];

/** Address of an official file; the 28-pixel file has no suffix. */
export function medmnistUrl(name: string, size: 28 | 64 | 128 | 224): string {
  return `https://zenodo.org/records/10519652/files/${medmnistFile(name, size)}?download=1`;
}

/** `breastmnist.npz`, `breastmnist_224.npz`. */
export function medmnistFile(name: string, size: 28 | 64 | 128 | 224): string {
  return `${name}${size === 28 ? "" : `_${size}`}.npz`;
}

/** The facts of a set. @throws DatasetError `bad_name`, `unknown_dataset` with the nearest name */
export function medmnistFacts(name: string): MedmnistFacts {
  const names = MEDMNIST.map((facts) => facts.name);
  return nth(MEDMNIST, names.indexOf(requireKnown(name, names)));
}

/** No official file is larger: its arrays without compression, and what zip and npy add. */
export function medmnistMaxBytes({ counts, channels }: MedmnistFacts, size: number): number {
  return (counts.train + counts.val + counts.test) * (size * size * channels + 8) + 2 ** 20;
}
