// Pieces as one array of its own, whose `buffer` holds nothing else.

/** Bytes after bytes. */
export function joinedBytes(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return filled(new Uint8Array(lengthOf(pieces)), pieces);
}

/** float32 numbers after numbers. */
export function joinedFloats(pieces: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  return filled(new Float32Array(lengthOf(pieces)), pieces);
}

function lengthOf(pieces: readonly { readonly length: number }[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

function filled<Whole extends Uint8Array | Float32Array>(whole: Whole, pieces: readonly ArrayLike<number>[]): Whole {
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
