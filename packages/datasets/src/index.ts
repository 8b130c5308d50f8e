// @biovlm/datasets: what data sets are, their classes and attributes, and which of their images are learned from and tested on.
// Data about data, no numerics and no decoding; ./node adds files, folders and downloads.

export { type AttributeSet, AttributeSetSchema, parseAttributeSet } from "./attribute-schema.js";
export { attributeSentences, attributeSet, datasetClasses, fillTemplate, listDatasets } from "./attribute-sets.js";
export type { Dataset, DatasetItem, ItemContent, SplitName } from "./dataset.js";
export { DatasetError, type DatasetErrorCode } from "./errors.js";
export { nearestName, requireName } from "./names.js";
export { type PythonRandom, pythonRandom } from "./python-random.js";
export { baseAndNew, checkCrossPair, type FewShotOptions, fewShot, groupSplit, restrictTo, type SplitShares } from "./splits.js";
