// @biovlm/engine: opening, encoding, batching, pooling, banks.

export {};
