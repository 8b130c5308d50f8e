// @biovlm/model/testing: the conformance suite that every backend passes.

export {
  seededFloats,
  TOY_SPEC,
  type ToyOptions,
  type ToyTowers,
  toyPixels,
  toyRgb,
  toyRows,
  toyTokens,
  toyTowers,
} from "../towers/toy-towers.js";
export { describeEncoder, encoderPromises, type SkippedPromise, type TestRunner } from "./describe-encoder.js";
export { closeShared, type EncoderPromise, type EncoderSubject } from "./encoder-promises.js";
