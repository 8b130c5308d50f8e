// @biovlm/files: bytes from outside, read strictly, and what our errors are. Portable; the Node part is ./node.

export { type ByteSource, bytesSource } from "./byte-source.js";
export { type ByteStore, checkKey, memoryStore } from "./byte-store.js";
export { counted } from "./counted.js";
export { crc32 } from "./crc32.js";
export { atEdge, type EdgeWords } from "./edge-words.js";
export { known, nth, present } from "./element-read.js";
export { BiovlmError, type ErrorDetails, FilesError, type FilesErrorCode, isBiovlmError, sentences } from "./errors.js";
export { fileFailure, isFileFailure, systemCode } from "./file-failure.js";
export { IMAGE_ENDINGS, IMAGE_KINDS, imageKinds, isImageName, mayBeDicom } from "./image-kinds.js";
export { inOrder } from "./in-order.js";
export { joinedBytes, joinedFloats } from "./joined.js";
export { isJsonObject, type Json, type JsonLimits, type JsonObject, parseStrictJson } from "./json.js";
export { pictureOfMask } from "./mask-name.js";
export { checkName, NAME_PATTERN } from "./names.js";
export { nearest, suggest } from "./nearest.js";
export { byCodeUnit } from "./order.js";
export { quoted } from "./quoted.js";
export { floatsOf, littleEndian } from "./wire-numbers.js";
export { MAX_ENTRIES, readStoredZip, readZip, type ZipEntry, type ZipLimits } from "./zip.js";
