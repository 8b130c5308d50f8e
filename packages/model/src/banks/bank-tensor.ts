// Numbers of a bank with their shape: what its parts are made of.

/** Numbers with their shape, row-major. */
export interface BankTensor {
  readonly data: Float32Array;
  readonly shape: readonly [number, number, number];
}
