// The Node part of @biovlm/files.

export {};
