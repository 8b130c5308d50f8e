// @biovlm/core-native: kernels in Rust for `loadCore({ native })`, where they were built for this machine.

export { type NativeFound, nativeKernels } from "./native-kernels.js";
