// @biovlm/files: bytes from outside, read strictly. Portable; the Node part is ./node.

export { known, nth } from "./element-read.js";
