// What test suites share: where goldens and real data lie, whether full counts are asked for, seeded byte mutation.

export { cases, soak } from "./counts.js";
export { golden, sharedPath, skipUnlessShared } from "./locations.js";
export { type GoldenTensor, goldenTensors } from "./golden-tensors.js";
