// Writes float checkpoints in torch.save's zip form, chunk by chunk: stored entries at multiples of 64, sizes and checksums behind the data,
// a wide end record. Written from PyTorch's own files and apart from the reader under test; torch.load opens it.
import { crc32 } from "node:zlib";

export interface TorchTensor {
  readonly name: string;
  readonly dtype: "F32" | "F16";
  readonly shape: readonly number[];
  /** the values, little-endian, in any number of pieces */
  chunks(): Iterable<Uint8Array>;
}

const CLASS = { F32: "FloatStorage", F16: "HalfStorage" } as const;
const utf8 = new TextEncoder();
const countOf = (shape: readonly number[]) => shape.reduce((n, d) => n * d, 1);

/** The pieces of a whole checkpoint, in order. */
export function* torchFile(tensors: readonly TorchTensor[], folder = "archive"): Generator<Uint8Array> {
  const entries: { name: Uint8Array; at: number; size: number; crc: number }[] = [];
  let at = 0;
  function* entry(path: string, chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
    const name = utf8.encode(`${folder}/${path}`);
    const padding = 63 - ((at + 30 + name.length + 4 + 63) % 64);
    const head = new DataView(new ArrayBuffer(30 + name.length + 4 + padding));
    const bytes = new Uint8Array(head.buffer).fill(0x5a, 34 + name.length);
    head.setUint32(0, 0x04034b50, true);
    head.setUint16(6, 0x0808, true);
    head.setUint16(26, name.length, true);
    head.setUint16(28, 4 + padding, true);
    bytes.set(name, 30);
    head.setUint16(30 + name.length, 0x4246, true);
    head.setUint16(32 + name.length, padding, true);
    yield bytes;
    const own = { name, at, size: 0, crc: 0 };
    for (const chunk of chunks) {
      own.crc = crc32(chunk, own.crc);
      own.size += chunk.length;
      yield chunk;
    }
    yield words(0x08074b50, own.crc, own.size, own.size);
    entries.push(own);
    at += bytes.length + own.size + 16;
  }
  yield* entry("data.pkl", [statePickle(tensors)]);
  for (const [i, tensor] of tensors.entries()) yield* entry(`data/${i}`, tensor.chunks());
  yield* entry("version", [utf8.encode("3\n")]);

  const directory = at;
  for (const { name, at: header, size, crc } of entries) {
    const head = new DataView(new ArrayBuffer(46 + name.length));
    head.setUint32(0, 0x02014b50, true);
    head.setUint16(8, 0x0808, true);
    for (const [place, value] of [
      [16, crc],
      [20, size],
      [24, size],
      [42, header],
    ] as const)
      head.setUint32(place, value, true);
    head.setUint16(28, name.length, true);
    new Uint8Array(head.buffer).set(name, 46);
    yield new Uint8Array(head.buffer);
    at += 46 + name.length;
  }
  const end = new DataView(new ArrayBuffer(98));
  end.setUint32(0, 0x06064b50, true);
  end.setBigUint64(4, 44n, true);
  end.setUint16(12, 0x031e, true);
  end.setUint16(14, 45, true);
  for (const [place, value] of [
    [24, entries.length],
    [32, entries.length],
    [40, at - directory],
    [48, directory],
  ] as const)
    end.setBigUint64(place, BigInt(value), true);
  end.setUint32(56, 0x07064b50, true);
  end.setBigUint64(64, BigInt(at), true);
  end.setUint32(72, 1, true);
  end.setUint32(76, 0x06054b50, true);
  end.setUint16(84, entries.length, true);
  end.setUint16(86, entries.length, true);
  end.setUint32(88, at - directory, true);
  end.setUint32(92, directory, true);
  yield new Uint8Array(end.buffer);
}

/** An OrderedDict of _rebuild_tensor_v2 calls, protocol 2. */
function statePickle(tensors: readonly TorchTensor[]): Uint8Array {
  const out: number[] = [0x80, 2];
  const raw = (text: string) => out.push(...utf8.encode(text));
  const text = (value: string) => {
    out.push(0x58, ...words(utf8.encode(value).length));
    raw(value);
  };
  const int = (value: number) => out.push(0x4a, ...words(value));
  const tuple = (values: readonly number[]) => {
    out.push(0x28);
    values.forEach(int);
    out.push(0x74);
  };
  raw("ccollections\nOrderedDict\n)R(");
  for (const [i, { name, dtype, shape }] of tensors.entries()) {
    text(name);
    raw("ctorch._utils\n_rebuild_tensor_v2\n((");
    text("storage");
    raw(`ctorch\n${CLASS[dtype]}\n`);
    text(String(i));
    text("cpu");
    int(countOf(shape));
    raw("tQ");
    int(0);
    tuple(shape);
    tuple(shape.map((_, d) => countOf(shape.slice(d + 1))));
    out.push(0x89);
    raw("ccollections\nOrderedDict\n)RtR");
  }
  raw("u.");
  return Uint8Array.from(out);
}

function words(...values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, i) => {
    view.setUint32(4 * i, value >>> 0, true);
  });
  return new Uint8Array(view.buffer);
}
