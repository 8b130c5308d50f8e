// @biovlm/engine/images: images opened and decoded once, in browsers too. What prepares files for an encoder is in the main entry, for Node.

export { type ImageReader, type ImageReaderOptions, imageReader, type OpenedImage } from "./image-reader.js";
export { bytesSource, type ImageContent, type ImageSource, itemSource } from "./image-source.js";
export { MeanAnswer, type SureAnswer, type TogetherAnswer } from "./mean-answer.js";
export { type PictureStack, type StackReaderOptions, stackReader } from "./picture-stack.js";
