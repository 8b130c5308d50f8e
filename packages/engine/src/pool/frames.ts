// Messages of a pool over a byte stream. Typed arrays travel beside the message, not within it: a sender's bytes go to the socket as they are, a
// receiver's views look into one buffer. Node's own channel copies each of them several times, and the garbage of that stops the server for
// tens of milliseconds several times a second.

import type { Socket } from "node:net";
import { Deserializer, Serializer } from "node:v8";
import { nth } from "@biovlm/files";

/** u32 bytes of the message, u32 bytes of what travels beside it; little endian */
const HEAD = 8;
/** Room for a full batch of the largest images; a longer length is no frame of ours. */
const MAX_BYTES = 2 ** 31 - 1;
const ALIGN = 8;
/** Less is cheaper to copy than to send in pieces. */
const SMALL = 16 * 1024;

type View = Uint8Array | Float32Array | Int32Array;
const KINDS = [Uint8Array, Float32Array, Int32Array] as const;

class MessageWriter extends Serializer {
  readonly parts: Uint8Array[] = [];
  bytes = 0;

  constructor() {
    super();
    (this as unknown as { _setTreatArrayBufferViewsAsHostObjects(on: boolean): void })._setTreatArrayBufferViewsAsHostObjects(true);
  }

  /** called by the serializer for each view */
  _writeHostObject(view: View): void {
    // a Buffer is a Uint8Array too
    const kind = KINDS.findIndex((Kind) => view instanceof Kind);
    if (kind < 0) throw new TypeError(`a message — expected bytes, floats or integers, got ${view.constructor.name}.`);
    this.writeUint32(kind);
    this.writeUint32(this.bytes);
    this.writeUint32(view.length);
    this.parts.push(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    const padding = -view.byteLength & (ALIGN - 1);
    if (padding > 0) this.parts.push(new Uint8Array(padding));
    this.bytes += view.byteLength + padding;
  }
}

class MessageReader extends Deserializer {
  private readonly body: ArrayBuffer;

  constructor(message: Uint8Array, body: ArrayBuffer) {
    super(message);
    this.body = body;
  }

  /** called by the deserializer for each view */
  _readHostObject(): View {
    const Kind = nth(KINDS, this.readUint32());
    const [offset, length] = [this.readUint32(), this.readUint32()];
    return new Kind(this.body, offset, length);
  }
}

/** Writes one message; its views must not change until it has been sent. @throws TypeError for views other than bytes, float32 and int32 */
export function writeFrame(stream: Socket, message: unknown): void {
  const writer = new MessageWriter();
  writer.writeHeader();
  writer.writeValue(message);
  const text = writer.releaseBuffer();
  const head = Buffer.alloc(HEAD);
  head.writeUInt32LE(text.length, 0);
  head.writeUInt32LE(writer.bytes, 4);
  if (writer.bytes <= SMALL) return void stream.write(Buffer.concat([head, text, ...writer.parts]));
  stream.cork();
  stream.write(Buffer.concat([head, text]));
  for (const part of writer.parts) stream.write(part);
  stream.uncork();
}

/** Puts frames together from whatever pieces a stream gives. Views of a message share a buffer that is the message's own. */
export class FrameReader {
  private readonly onMessage: (message: unknown) => void;
  private readonly head = Buffer.alloc(HEAD);
  private had = 0;
  private text = Buffer.alloc(0);
  private body = Buffer.allocUnsafeSlow(0);

  constructor(onMessage: (message: unknown) => void) {
    this.onMessage = onMessage;
  }

  /** Copies what it needs of a piece. @throws RangeError for lengths no frame has, TypeError for a message that cannot be read */
  push(piece: Uint8Array): void {
    let at = 0;
    while (at < piece.length) {
      if (this.had < HEAD) {
        at += this.fill(this.head, this.had, piece, at);
        if (this.had < HEAD) return;
        const [text, body] = [this.head.readUInt32LE(0), this.head.readUInt32LE(4)];
        if (text === 0 || text > MAX_BYTES || body > MAX_BYTES)
          throw new RangeError(`a frame — expected at most ${MAX_BYTES} bytes, got ${text} and ${body}.`);
        this.text = Buffer.allocUnsafe(text);
        // every byte of it is written before it is seen
        this.body = Buffer.allocUnsafeSlow(body);
      }
      const inText = this.had - HEAD;
      if (inText < this.text.length) at += this.fill(this.text, inText, piece, at);
      const inBody = this.had - HEAD - this.text.length;
      if (inBody >= 0 && inBody < this.body.length) at += this.fill(this.body, inBody, piece, at);
      if (this.had < HEAD + this.text.length + this.body.length) continue;
      const reader = new MessageReader(this.text, this.body.buffer as ArrayBuffer);
      this.had = 0;
      reader.readHeader();
      this.onMessage(reader.readValue());
    }
  }

  private fill(to: Uint8Array, from: number, piece: Uint8Array, at: number): number {
    const n = Math.min(to.length - from, piece.length - at);
    to.set(piece.subarray(at, at + n), from);
    this.had += n;
    return n;
  }
}
