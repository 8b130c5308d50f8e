// What test suites share: where goldens and real data lie, whether full counts are asked for, seeded byte mutation.

export { type AttackOptions, type AttackReport, attack, settledRss } from "./attack.js";
export { bundleForNode, type ChildOptions, type ChildRun, programFolder, runChild } from "./child-process.js";
export { cases, soak } from "./counts.js";
export { eachFile } from "./each-file.js";
export { type FakeHub, type FakeHubOptions, type HubFault, startFakeHub } from "./fake-hub.js";
export { type GoldenTensor, goldenTensors } from "./golden-tensors.js";
export { greyPng } from "./grey-png.js";
export { withinLimit } from "./limits.js";
export { golden, sharedPath, skipUnlessShared } from "./locations.js";
export { dicomElement, dicomFile, greyElements, madeCine, ultrasoundFrame } from "./made-cine.js";
export { mutations } from "./mutator.js";
export { Orthanc } from "./orthanc.js";
export { findProgram, type ProgramName, withoutProgram } from "./programs.js";
export { BIOMEDCLIP_SIZES, type RandomStateDictOptions, writeRandomStateDict } from "./random-state-dict.js";
export {
  type S3Faults,
  type S3Proxy,
  type S3Server,
  startLackingS3,
  startS3Proxy,
  startS3Server,
} from "./s3-server.js";
export { type Seeded, seeded } from "./seeded.js";
export { type TorchTensor, torchFile } from "./torch-file.js";
export { rawZeroBomb, zlibZeroBomb } from "./zero-bomb.js";
