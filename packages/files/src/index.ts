// @biovlm/files: bytes from outside, read strictly, and what our errors are. Portable; the Node part is ./node.

export { known, nth } from "./element-read.js";
export { BiovlmError, type ErrorDetails, isBiovlmError, sentences } from "./errors.js";
