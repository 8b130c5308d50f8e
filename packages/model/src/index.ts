export { type ByteStore, checkKey, memoryStore } from "./byte-store.js";
export { ModelError, type ModelErrorCode } from "./errors.js";
