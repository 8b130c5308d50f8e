// @biovlm/model/backend: what an author of a backend needs — the contract, the artefacts it opens, and the machinery that every backend over
// an ONNX runtime shares. How to add one: CONTRIBUTING.md, "Add a backend".

export type {
  Capabilities,
  ChannelScale,
  Device,
  Embeddings,
  Encoder,
  EncoderBackend,
  ImageRows,
  KeepOptions,
  Probe,
  PromptRows,
  RunOptions,
  Tape,
} from "./contract/encoder.js";
export { KNOWN_DEVICES } from "./contract/encoder.js";
export {
  type ArtifactForm,
  type EncoderGraphs,
  type OnnxArtifact,
  type PromptGradientGraphs,
  TOWER_IO,
} from "./contract/encoder-graphs.js";
export { EncoderError, type EncoderErrorCode } from "./contract/errors.js";
export type { ImageTowers, ImageTowerWeights, OpenImageTower } from "./contract/image-towers.js";
export { encodedBy } from "./encoding/encoded-by.js";
export { encodeRgb } from "./encoding/exact-bytes.js";
export { imageTowersFor } from "./encoding/image-tower-session.js";
export { meanRow } from "./encoding/mean-row.js";
export { memoisedOpen } from "./encoding/memoised-open.js";
export { PROBE_IO, probeModel, probeRefusal } from "./encoding/probe-model.js";
export { RunQueue } from "./encoding/run-queue.js";
export { SELF_TEST_EMBEDDING, selfTest } from "./encoding/self-test.js";
export { towerEncoder } from "./encoding/tower-encoder.js";
export type { RuntimeTensor, TowerRuntime, TowerSession } from "./encoding/tower-runtime.js";
export { checkReferences, externalReferences } from "./towers/artifact-references.js";
