export type { Core, CoreBuild, CoreInfo, PixelSpec, RgbImage, Routing } from "./core.js";
export { type CosineAxis, cosineBackward, cosineForward } from "./losses/cosine.js";
export { type CrossEntropy, crossEntropyBackward, crossEntropyForward } from "./losses/cross-entropy.js";
export { type KlDivergence, klDivergenceBackward, klDivergenceForward } from "./losses/kl-divergence.js";
export { type MarginalEntropy, marginalEntropyBackward, marginalEntropyForward } from "./losses/marginal-entropy.js";
export { l2NormalizeBackward, scoreBackward, selectionBackward } from "./losses/routing-gradient.js";
export { type AdamWOptions, adamWStep } from "./optimisers/adamw.js";
export { type SgdOptions, sgdStep } from "./optimisers/sgd.js";
