// The packages of codecs ship no types for these entries; what is used of them stands in dicom/codecs/wasm-codecs.ts.
declare module "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs";
declare module "@cornerstonejs/codec-charls/decodewasmjs";
declare module "@cornerstonejs/codec-openjpeg/decodewasmjs";
declare module "@cornerstonejs/codec-openjph/wasmjs";
