// Numbers of four bytes as files and wires have them, little-endian, whatever the host's order. Where they lie in memory so already, nothing is
// gone through number by number.

/** Whether this host keeps numbers in memory as files have them. */
const LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** The little-endian bytes of numbers, 4 each: a view of their memory where the host is little-endian, so that they are not to be changed meanwhile. */
export function littleEndian(values: Float32Array | Int32Array): Uint8Array {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return LITTLE ? bytes : turned(bytes);
}

/** float32 numbers [n] of 4·n little-endian bytes, in memory of their own. @throws RangeError where the length is no multiple of 4 */
export function floatsOf(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  // a copy: what is read rarely stands where numbers may
  const own = LITTLE ? Uint8Array.from(bytes) : turned(bytes);
  return new Float32Array(own.buffer);
}

/** Each four bytes the other way round, in memory of their own. */
export function turned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) out[i] = bytes[i ^ 3] ?? 0;
  return out;
}
