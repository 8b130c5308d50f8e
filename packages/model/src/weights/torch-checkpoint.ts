// Checkpoints of torch.save (.bin, .pt, .pth) as state dicts: the zip form since torch 1.6 and the older stream form. No code of a checkpoint
// is ever run: its pickle is interpreted behind an allow-list (pickle.ts) that knows tensors, their storages and dicts. Tensors are read when
// asked for, from where they lie in the file; views with gaps or turned axes come out contiguous.

import { type ByteSource, bytesSource, known, nth, quoted, readStoredZip } from "@biovlm/files";
import { elementCount } from "@biovlm/graph";
import { ModelError } from "../contract/errors.js";
import { MAX_PICKLE_BYTES, malformedPickle, ORDERED_DICT, PickleGlobal, readPickle } from "./pickle.js";
import { SAFETENSORS_DTYPES, type SafetensorsDtype } from "./safetensors.js";
import { type StateDict, stateDictOf, type WeightTensor, weightTensor } from "./state-dict.js";

/** How a torch checkpoint is read; no code in it is ever run. */
export interface TorchOptions {
  /** The file's name as an ONNX model beside it would write it; gives float32 tensors their `external` place. */
  readonly location?: string;
  /** CRC-32 of bytes (zlib's): with it whole storages of the zip form are checked as they are read. */
  readonly crc32?: (bytes: Uint8Array) => number;
}

/** Storage classes → element type. An untyped storage has none of its own. */
const STORAGES: Readonly<Record<string, SafetensorsDtype | undefined>> = {
  FloatStorage: "F32",
  DoubleStorage: "F64",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
  ComplexFloatStorage: "C64",
};
const MAX_RANK = 16;
/** Names under which training programs keep the weights beside other things. */
const WEIGHT_KEYS = ["state_dict", "model_state_dict", "model"];
/** The number that begins the older form, as its pickle writes it: PROTO 2, LONG1, 0x1950a86a20f9469cfc6c, STOP. */
const STREAM_MAGIC = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];

class Storage {
  readonly dtype: SafetensorsDtype;
  readonly key: string;
  /** elements */
  readonly count: number;
  constructor(dtype: SafetensorsDtype, key: string, count: number) {
    this.dtype = dtype;
    this.key = key;
    this.count = count;
  }
}

class TensorView {
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  constructor(storage: Storage, offset: number, shape: readonly number[], stride: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.stride = stride;
  }
}

/** Where a storage's bytes lie. */
interface Place {
  readonly offset: number;
  readonly size: number;
  readonly crc32: number;
}

/** True for files that {@link openTorch} reads, by their first bytes: a zip, or torch's older stream. */
export function looksLikeTorch(head: Uint8Array): boolean {
  return (head[0] === 0x50 && head[1] === 0x4b) || STREAM_MAGIC.every((byte, i) => head[i] === byte);
}

/**
 * Opens a checkpoint: a state dict, or a training checkpoint that holds one as `state_dict`, `model_state_dict` or `model`.
 * @throws ModelError `unsafe_pickle`, `malformed_pickle`, `malformed_zip`, `malformed_checkpoint`, `unsupported_format` (TorchScript,
 * compressed entries, big-endian, no checkpoint); reading a tensor throws `malformed_zip` when its checksum differs.
 * @example const weights = openTorch(await readFile("open_clip_pytorch_model.bin"), { crc32 });
 */
export function openTorch(source: Uint8Array | ByteSource, options: TorchOptions = {}): StateDict {
  const file = source instanceof Uint8Array ? bytesSource(source) : source;
  const head = file.read(0, Math.min(STREAM_MAGIC.length, file.size));
  if (!looksLikeTorch(head)) throw unsupported("file — expected a file of torch.save, got other bytes");
  const { root, places } = head[0] === 0x50 ? openZip(file) : openStream(file);
  const tensors = new Map<string, WeightTensor>();
  for (const [name, value] of weightsOf(root)) {
    if (typeof name !== "string" || !(value instanceof TensorView)) {
      throw new ModelError(
        "malformed_checkpoint",
        `checkpoint ${typeof name === "string" ? quoted(name) : "key"} — expected a tensor under a name, got ${kindOf(value)}. Save model.state_dict() alone.`,
      );
    }
    tensors.set(name, tensorOf(file, name, value, places, options));
  }
  return stateDictOf(tensors);
}

const unsupported = (message: string) => new ModelError("unsupported_format", `torch ${message}. Save model.state_dict() with torch.save.`);
const damaged = (message: string) => new ModelError("malformed_checkpoint", `checkpoint ${message} The file is damaged; get it again.`);
const kindOf = (value: unknown) => (value instanceof Map ? "a dict" : Array.isArray(value) ? "a list" : typeof value);

function openZip(file: ByteSource) {
  const entries = readStoredZip(file);
  const pickles = [...entries.keys()].filter((name) => name === "data.pkl" || name.endsWith("/data.pkl"));
  if (pickles.length !== 1) throw unsupported(`archive — expected one data.pkl, got ${pickles.length}`);
  const folder = nth(pickles, 0).slice(0, -"data.pkl".length);
  if (entries.has(`${folder}constants.pkl`)) throw unsupported("archive — expected a checkpoint, got TorchScript");
  const order = entries.get(`${folder}byteorder`);
  if (order !== undefined && (order.size !== 6 || String.fromCharCode(...file.read(order.offset, 6)) !== "little")) {
    throw unsupported("archive — expected little-endian numbers, got another byte order");
  }
  const { offset, size } = known(entries, nth(pickles, 0));
  if (size > MAX_PICKLE_BYTES) throw malformedPickle(`— expected at most ${MAX_PICKLE_BYTES} bytes, got ${size}.`);
  const { value: root } = readPickle(file.read(offset, size), 0, { globals: GLOBALS, persistent: storageOf });
  return { root, places: (storage: Storage): Place | undefined => entries.get(`${folder}data/${storage.key}`) };
}

/** The older form: five pickles (magic, version, system, object, storage keys), then each storage as a count and its bytes. */
function openStream(file: ByteSource) {
  const bytes = file.read(0, Math.min(file.size, 2 * MAX_PICKLE_BYTES));
  const storages = new Map<string, Storage>();
  const persistent = (id: unknown): Storage => {
    const storage = storageOf(id);
    const known = storages.get(storage.key) ?? storage;
    if (known.dtype !== storage.dtype || known.count !== storage.count)
      throw damaged(`storage ${quoted(storage.key)} — expected one size.`);
    storages.set(storage.key, known);
    return known;
  };
  let at = STREAM_MAGIC.length;
  const next = (): unknown => {
    const { value, end } = readPickle(bytes, at, { globals: GLOBALS, persistent });
    at = end;
    return value;
  };
  if (next() !== 1001) throw unsupported("file — expected version 1001 of its stream form, got another");
  const system = next();
  if (!(system instanceof Map) || system.get("little_endian") !== true) throw unsupported("file — expected little-endian numbers");
  const root = next();
  const keys = next();
  if (!Array.isArray(keys)) throw damaged("storages — expected a list of keys.");
  const places = new Map<string, Place>();
  for (const key of keys) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (storage === undefined || places.has(storage.key)) throw damaged("storages — expected each key of the pickle once.");
    if (at + 8 > file.size) throw damaged(`storage ${quoted(storage.key)} — expected its bytes, got the end of the file.`);
    const head = file.read(at, 8);
    const count = new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true);
    const size = storage.count * SAFETENSORS_DTYPES[storage.dtype];
    if (count !== BigInt(storage.count) || at + 8 + size > file.size) {
      throw damaged(`storage ${quoted(storage.key)} — expected ${storage.count} elements, got ${count}, or the end of the file.`);
    }
    places.set(storage.key, { offset: at + 8, size, crc32: 0 });
    at += 8 + size;
  }
  return { root, places: (storage: Storage) => places.get(storage.key) };
}

function weightsOf(root: unknown): ReadonlyMap<unknown, unknown> {
  if (!(root instanceof Map)) throw damaged(`— expected a dict of tensors, got ${kindOf(root)}.`);
  for (const key of WEIGHT_KEYS) {
    const inner: unknown = root.get(key);
    if (inner instanceof Map) return inner;
  }
  return root;
}

const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;

/** ("storage", class, key, device, elements), and in the stream form a view that torch has not written since 0.4. */
function storageOf(id: unknown): Storage {
  const [tag, kind, key, , count, view] = Array.isArray(id) && (id.length === 5 || id.length === 6) ? (id as unknown[]) : [];
  const dtype = kind instanceof PickleGlobal ? STORAGES[kind.name] : undefined;
  if (tag !== "storage" || dtype === undefined || typeof key !== "string" || !isCount(count) || (view !== undefined && view !== null)) {
    throw malformedPickle("persistent id — expected a storage of known elements.");
  }
  if (!/^[\w.-]{1,64}$/.test(key)) throw malformedPickle(`storage key — expected letters and digits, got ${quoted(key)}.`);
  return new Storage(dtype, key, count);
}

function rebuilt([storage, offset, shape, stride]: readonly unknown[]): TensorView {
  const sizes = (list: unknown): list is readonly number[] => Array.isArray(list) && list.length <= MAX_RANK && list.every(isCount);
  if (!(storage instanceof Storage) || !isCount(offset) || !sizes(shape) || !sizes(stride) || shape.length !== stride.length) {
    throw malformedPickle("tensor — expected a storage, an offset, sizes and strides.");
  }
  return new TensorView(storage, offset, shape, stride);
}

function parameter([data]: readonly unknown[]): TensorView {
  if (!(data instanceof TensorView)) throw malformedPickle("parameter — expected a tensor.");
  return data;
}

/** Everything that a checkpoint may name. */
const GLOBALS: ReadonlyMap<string, PickleGlobal> = new Map([
  ["collections OrderedDict", ORDERED_DICT],
  ["torch._utils _rebuild_tensor", new PickleGlobal("_rebuild_tensor", rebuilt)],
  ["torch._utils _rebuild_tensor_v2", new PickleGlobal("_rebuild_tensor_v2", rebuilt)],
  ["torch._utils _rebuild_parameter", new PickleGlobal("_rebuild_parameter", parameter)],
  ["torch Size", new PickleGlobal("Size", ([sizes]) => sizes)],
  ["torch device", new PickleGlobal("device", ([name]) => name)],
  ...Object.keys(STORAGES).map((name): [string, PickleGlobal] => [`torch ${name}`, new PickleGlobal(name)]),
]);

function tensorOf(
  file: ByteSource,
  name: string,
  { storage, offset, shape, stride }: TensorView,
  places: (storage: Storage) => Place | undefined,
  { location, crc32 }: TorchOptions,
): WeightTensor {
  const width = SAFETENSORS_DTYPES[storage.dtype];
  const place = places(storage);
  const label = `tensor ${quoted(name)}`;
  if (place === undefined) throw damaged(`${label} — expected the storage ${quoted(storage.key)}, got none.`);
  if (place.size !== storage.count * width) {
    throw damaged(`${label} — expected a storage of ${storage.count * width} bytes, got ${place.size}.`);
  }
  const count = elementCount(shape);
  // A view may repeat nothing: a storage of one number must not become a tensor of any size.
  if (!(count <= storage.count)) throw damaged(`${label} — expected at most the ${storage.count} elements of its storage, got ${count}.`);
  const last = count === 0 ? offset - 1 : shape.reduce((at, d, i) => at + (d - 1) * nth(stride, i), offset);
  if (!(last < storage.count) || offset > storage.count) {
    throw damaged(`${label} — expected its elements within the ${storage.count} of its storage, got ${last}.`);
  }
  const begin = place.offset + offset * width;
  const contiguous = isContiguous(shape, stride);
  const bytes = (): Uint8Array => {
    if (count === 0) return new Uint8Array(0);
    const read = file.read(begin, (last + 1 - offset) * width);
    const whole = offset === 0 && last + 1 === storage.count && place.crc32 !== 0;
    if (whole && crc32 !== undefined && crc32(read) >>> 0 !== place.crc32) {
      throw new ModelError("malformed_zip", `archive ${label} — expected the checksum of its bytes. The file is damaged; get it again.`);
    }
    return contiguous ? read : gathered(read, width, shape, stride, count);
  };
  const inPlace = location !== undefined && contiguous && storage.dtype === "F32" && count > 0 && begin % 4 === 0;
  return weightTensor({ dtype: storage.dtype, shape, bytes }, inPlace ? { location, offset: begin, length: count * width } : undefined);
}

function isContiguous(shape: readonly number[], stride: readonly number[]): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && stride[i] !== expected) return false;
    expected *= nth(shape, i);
  }
  return true;
}

/** Elements of a strided view one behind the other. */
function gathered(raw: Uint8Array, width: number, shape: readonly number[], stride: readonly number[], count: number): Uint8Array {
  const Words = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array }[width] as typeof Uint32Array;
  const at8 = raw.byteOffset % width === 0 ? raw : raw.slice();
  const from = new Words(at8.buffer, at8.byteOffset, at8.byteLength / width);
  const out = new Words(count);
  const index = new Uint32Array(shape.length);
  let at = 0;
  for (let i = 0; i < count; i++) {
    out[i] = nth(from, at);
    for (let d = shape.length - 1; d >= 0; d--) {
      at += nth(stride, d);
      if (++index[d]! < nth(shape, d)) break;
      at -= nth(stride, d) * nth(shape, d);
      index[d] = 0;
    }
  }
  return new Uint8Array(out.buffer);
}
