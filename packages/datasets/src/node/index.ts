// @biovlm/datasets/node: the package with files and folders.

export * from "../index.js";
export { openNpz } from "./zip-file.js";
