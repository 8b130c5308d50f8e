// Writes protobuf's wire format: varints, length-delimited fields, fixed32. It knows nothing of ONNX.
// Big payloads are thunks, asked for one at a time while the final array is filled, so that writing costs one tensor above the result.

import { GraphError } from "./errors.js";

/** Protobuf's own limit of one message. */
const MAX_MESSAGE_BYTES = 2 ** 31 - 1;

type Chunk = Uint8Array | { readonly byteLength: number; readonly bytes: () => Uint8Array };

const encoder = new TextEncoder();
const float = new DataView(new ArrayBuffer(4));

/** One protobuf message under construction. */
export class WireWriter {
  private readonly chunks: Chunk[] = [];
  private open: number[] = [];
  byteLength = 0;

  /** Whole numbers of up to 53 bits, negative ones as 64-bit two's complement. */
  int(field: number, value: number): this {
    this.varint(field * 8);
    this.varint(value);
    return this;
  }

  float(field: number, value: number): this {
    this.varint(field * 8 + 5);
    float.setFloat32(0, value, true);
    for (let i = 0; i < 4; i++) this.byte(float.getUint8(i));
    return this;
  }

  string(field: number, value: string): this {
    const bytes = encoder.encode(value);
    return this.payload(field, bytes);
  }

  /** Length-delimited bytes, given or made when the message is filled. */
  payload(field: number, chunk: Chunk): this {
    this.varint(field * 8 + 2);
    this.varint(chunk.byteLength);
    this.push(chunk);
    return this;
  }

  message(field: number, message: WireWriter): this {
    this.varint(field * 8 + 2);
    this.varint(message.byteLength);
    message.flush();
    this.flush();
    for (const chunk of message.chunks) this.chunks.push(chunk);
    this.byteLength += message.byteLength;
    return this;
  }

  /** The finished bytes. Throws `too_large` above 2 GiB. */
  finish(): Uint8Array {
    if (this.byteLength > MAX_MESSAGE_BYTES) {
      throw new GraphError(
        "too_large",
        `model bytes — expected at most ${MAX_MESSAGE_BYTES}, got ${this.byteLength}. Write the weights as external data.`,
      );
    }
    this.flush();
    const out = new Uint8Array(this.byteLength);
    let at = 0;
    for (const chunk of this.chunks) {
      const bytes = chunk instanceof Uint8Array ? chunk : chunk.bytes();
      if (bytes.byteLength !== chunk.byteLength) {
        throw new GraphError(
          "malformed_model",
          `tensor bytes — expected ${chunk.byteLength}, got ${bytes.byteLength}. The tensor's reader is wrong.`,
        );
      }
      out.set(bytes, at);
      at += bytes.byteLength;
    }
    return out;
  }

  private varint(value: number): void {
    if (value < 0) {
      let rest = BigInt.asUintN(64, BigInt(value));
      for (; rest > 127n; rest >>= 7n) this.byte(Number(rest & 127n) | 128);
      this.byte(Number(rest));
      return;
    }
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 128);
    this.byte(rest);
  }

  private byte(b: number): void {
    this.open.push(b);
    this.byteLength++;
  }

  private push(chunk: Chunk): void {
    this.flush();
    this.chunks.push(chunk);
    this.byteLength += chunk.byteLength;
  }

  private flush(): void {
    if (this.open.length > 0) this.chunks.push(Uint8Array.from(this.open));
    this.open = [];
  }
}
