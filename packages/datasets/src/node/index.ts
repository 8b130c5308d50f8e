// @biovlm/datasets/node: the package with files and folders.

export * from "../index.js";
export { type CsvListOptions, openCsvList } from "./csv-list.js";
export { dataRoot, type MedmnistSize } from "./data-root.js";
export { type DataFile, type DataListing, listData, type PullOptions, pullDataset, verifyData } from "./data-store.js";
export { type ImageFolderOptions, openImageFolder } from "./image-folder.js";
export { openNpz } from "./npz-file.js";
export { type OpenDatasetOptions, openDataset } from "./open-dataset.js";
