// @biovlm/model/testing: the conformance suite that every backend passes.

export { describeEncoder, encoderPromises, type SkippedPromise, type TestRunner } from "./describe-encoder.js";
export { closeShared, type EncoderPromise, type EncoderSubject } from "./encoder-promises.js";
export { seededFloats, TOY_SPEC, type ToyOptions, type ToyTowers, toyPixels, toyRows, toyTokens, toyTowers } from "./toy-towers.js";
