// @biovlm/core-native: kernels in Rust for `loadCore({ native })`, a fast way for images and image towers in int8, where they were built for this machine.

export {
  type NativeImageTower,
  type NativeImageTowers,
  type NativeImageTowersFound,
  nativeImageTowers,
} from "./native-image-towers.js";
export { type NativeFormat, type NativeHeader, type NativeImages, type NativeImagesFound, nativeImages } from "./native-images.js";
export { type NativeFound, nativeKernels } from "./native-kernels.js";
