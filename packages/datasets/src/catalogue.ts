// The data sets that can be opened by name: what they are, under which licence, and which attribute set speaks of their classes.
// Facts only; where they lie on a disk is ./node's matter.

import { MEDMNIST } from "./medmnist.js";

/** A data set known by name: where its classes and sentences are, and how it lies on disk. */
export interface CatalogueEntry {
  readonly name: string;
  readonly modality: string;
  readonly licence: string;
  /** name of the attribute set with its classes, in label order */
  readonly attributes: string;
  /** how it lies on disk: an official .npz, an image folder, a CSV list, or an .npz of plain arrays */
  readonly form: "medmnist" | "folder" | "list" | "arrays";
  readonly images: number;
  /** can be downloaded by `data pull` */
  readonly pullable: boolean;
}

const entry = (name: string, modality: string, licence: string, form: CatalogueEntry["form"], images: number, attributes = name) => ({
  name,
  modality,
  licence,
  attributes,
  form,
  images,
  pullable: false,
});

/** In alphabetical order. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  ...MEDMNIST.map(({ name, modality, licence, counts: { train, val, test } }) => ({
    ...entry(name, modality, licence, "medmnist", train + val + test),
    pullable: true,
  })),
  entry("busi", "breast ultrasound", "research use, see its publication", "folder", 780),
  entry("ham10000", "dermatoscope", "CC BY-NC 4.0", "list", 10_015, "dermamnist"),
  entry("mednist", "radiographs and slices of six kinds", "CC BY-SA 4.0", "arrays", 15_000),
  entry("brainmri", "brain MRI", "CC0", "arrays", 5_712),
  entry("wbc", "blood cell microscope", "MIT", "arrays", 3_000),
].sort((a, b) => (a.name < b.name ? -1 : 1));

/** HAM10000's diagnoses in the label order of DermaMNIST. */
export const HAM10000_LABELS: readonly string[] = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"];

/** Folders of BiomedCoOp's BUSI split file → folders of the published images. */
export const BUSI_FOLDERS: Readonly<Record<string, string>> = {
  benign_tumor: "benign",
  malignant_tumor: "malignant",
  normal_scan: "normal",
};
