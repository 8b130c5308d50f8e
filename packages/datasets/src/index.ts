// @biovlm/datasets: what data sets are, their classes and attributes, and which of their images are learned from and tested on.
// Data about data, no numerics and no decoding; ./node adds files, folders and downloads.

export { attributeMessages, parseAttributeAnswer } from "./attribute-answer.js";
export { type GenerateAttributesOptions, generateAttributes } from "./attribute-generator.js";
export { type AttributeIssue, lintAttributes } from "./attribute-lint.js";
export { type AttributeSet, AttributeSetSchema, parseAttributeSet } from "./attribute-schema.js";
export { attributeSentences, attributeSet, datasetClasses, fillTemplate, listDatasets } from "./attribute-sets.js";
export { CATALOGUE, type CatalogueEntry } from "./catalogue.js";
export { type ClassMatchOptions, classKey, likeOwn, matchClasses, sameClasses } from "./class-matching.js";
export { type CsvLimits, type CsvTable, csvLine, csvPath, parseCsv } from "./csv.js";
export type { Dataset, DatasetItem, ItemContent, OpenedDataset, SplitName, SplitOrigin } from "./dataset.js";
export { type ContentSplit, drawSplitByContent, joinEqualContent } from "./equal-content.js";
export { DatasetError, type DatasetErrorCode } from "./errors.js";
export { byLabel } from "./label-order.js";
export { MEDMNIST, type MedmnistFacts, medmnistFacts, medmnistFile, medmnistUrl } from "./medmnist.js";
export { requireName } from "./names.js";
export { type NpyHeader, type NpyType, parseNpyHeader } from "./npy.js";
export { DEFAULT_NPZ_LIMITS, type NpzFile, type NpzLimits, type NpzRows } from "./npz.js";
export { readNpzBlob } from "./npz-blob.js";
export { arraysDataset, medmnistDataset } from "./npz-dataset.js";
export type { FileOrigin, OriginReader } from "./origins.js";
export { type PythonRandom, pythonRandom } from "./python-random.js";
export { joinSeries, leftOutOfSeries, type SeriesReader } from "./series.js";
export { parseSplitFile, type SplitEntry, type SplitFile } from "./split-file.js";
export {
  baseAndNew,
  checkCrossPair,
  DEFAULT_SHARES,
  drawSplit,
  type FewShotOptions,
  fewShot,
  groupSplit,
  restrictTo,
  type SplitShares,
  withSplits,
} from "./splits.js";
