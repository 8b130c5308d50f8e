// @biovlm/core-native: kernels in Rust for `loadCore({ native })`, and a fast way for images, where they were built for this machine.

export { type NativeFormat, type NativeHeader, type NativeImages, type NativeImagesFound, nativeImages } from "./native-images.js";
export { type NativeFound, nativeKernels } from "./native-kernels.js";
