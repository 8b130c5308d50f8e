export { ModelError, type ModelErrorCode } from "./errors.js";
