// A ModelInferRequest as its bytes have it, field by field: names and parameters as values, tensors as views. What repeats is counted before it is
// kept, so that a message costs about its own length whatever it says; a reader of any message would make an object of each of millions of elements.

import type { Reader as ProtoReader } from "protobufjs/minimal.js";
import protobuf from "protobufjs/minimal.js";
import { ServerError } from "../errors.js";

type Parameters = Readonly<Record<string, string | number | boolean>>;

/** Elements of one tensor as binary data has them: a view of the message where they stand so in it, else copied when they are asked for. */
type TensorBytes = () => Uint8Array;

export interface GrpcInferRequest {
  /** bytes of the message */
  readonly size: number;
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly parameters: Parameters;
  readonly inputs: readonly {
    readonly name: string;
    readonly datatype: string;
    readonly shape: readonly number[];
    readonly parameters: Parameters;
    readonly contents: TensorBytes;
  }[];
  readonly outputs: readonly { readonly name: string; readonly parameters: Parameters }[];
  readonly raw: readonly TensorBytes[];
}

/** As many as HTTP's schema of the same request takes, and of parameters more than there are. */
const MAX = { inputs: 8, outputs: 16, dimensions: 8, parameters: 64, textBytes: 4096, elements: 65_536 } as const;
const LENGTH_DELIMITED = 2;

/** Reads fields until the end: `read` takes those it knows, by number and wire type, and answers false for others, which are passed over. */
function fields(reader: ProtoReader, end: number, read: (field: number, wireType: number) => boolean): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (!read(tag >>> 3, tag & 7)) reader.skipType(tag & 7);
  }
  if (reader.pos !== end) throw new RangeError("a field beyond its message");
}

/** The message in a field. */
function message(reader: ProtoReader, read: (field: number, wireType: number) => boolean): void {
  fields(reader, endOf(reader), read);
}

function endOf(reader: ProtoReader): number {
  const length = reader.uint32();
  if (reader.pos + length > reader.len) throw new RangeError("a length beyond the message");
  return reader.pos + length;
}

function added<T>(list: T[], item: T, most: number, what: string): true {
  if (list.length === most) throw new ServerError("bad_tensor", `infer request — expected at most ${most} ${what}, got more. Send fewer.`);
  list.push(item);
  return true;
}

function textOf(reader: ProtoReader): string {
  const bytes = reader.bytes();
  if (bytes.length > MAX.textBytes) {
    throw new ServerError(
      "bad_tensor",
      `infer request — expected names and values of at most ${MAX.textBytes} bytes, got ${bytes.length}.`,
    );
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}

/** A number, or the library's form of one of 64 bits. */
const whole = (value: unknown) => (typeof value === "number" ? value : (value as { toNumber(): number }).toNumber());

/** Adds one entry of a map of parameters. A value that is none of the known kinds is an empty text, as it is where none is set. */
function parameterInto(reader: ProtoReader, entries: [string, string | number | boolean][]): true {
  let key = "";
  let value: string | number | boolean = "";
  const set = (given: string | number | boolean): true => {
    value = given;
    return true;
  };
  message(reader, (field) => {
    if (field === 1) {
      key = textOf(reader);
      return true;
    }
    if (field !== 2) return false;
    message(reader, (kind) => {
      if (kind === 1) return set(reader.bool());
      if (kind === 2) return set(whole(reader.int64()));
      if (kind === 3) return set(textOf(reader));
      if (kind === 4) return set(reader.double());
      return kind === 5 && set(whole(reader.uint64()));
    });
    return true;
  });
  return added(entries, [key, value], MAX.parameters, "parameters");
}

/** Numbers or elements of InferTensorContents, wherever they stand in it. Lists of other datatypes are passed over: no input has them. */
function walkContents(bytes: Uint8Array, number: (little: Uint8Array) => void, element: (bytes: Uint8Array) => void): void {
  const reader = protobuf.Reader.create(bytes);
  fields(reader, reader.len, (field, wireType) => {
    if (field === 6) {
      const length = wireType === LENGTH_DELIMITED ? endOf(reader) - reader.pos : 4;
      if (length % 4 !== 0 || reader.pos + length > reader.len) throw new RangeError("numbers beyond the message");
      number(bytes.subarray(reader.pos, reader.pos + length));
      reader.skip(length);
      return true;
    }
    if (field === 8) element(reader.bytes());
    return field === 8;
  });
}

function contentsOf(parts: readonly Uint8Array[]): TensorBytes {
  let [numbers, elements, count] = [0, 0, 0];
  for (const part of parts) {
    walkContents(
      part,
      (little) => {
        numbers += little.length;
      },
      (bytes) => {
        elements += 4 + bytes.length;
        if (++count > MAX.elements)
          throw new ServerError("bad_tensor", `bytes_contents — expected at most ${MAX.elements} elements, got more. Send fewer.`);
      },
    );
  }
  return () => {
    const all = Buffer.allocUnsafeSlow(count > 0 ? elements : numbers);
    let at = 0;
    const put = (bytes: Uint8Array) => {
      all.set(bytes, at);
      at += bytes.length;
    };
    const element = (bytes: Uint8Array) => {
      at = all.writeUInt32LE(bytes.length, at);
      put(bytes);
    };
    for (const part of parts) walkContents(part, count > 0 ? () => {} : put, element);
    return viewed(all);
  };
}

/** The same bytes as a plain array: a Buffer's `slice` means another thing. */
function viewed({ buffer, byteOffset, length }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length);
}

function inputOf(reader: ProtoReader): GrpcInferRequest["inputs"][number] {
  let [name, datatype] = ["", ""];
  const shape: number[] = [];
  const parameters: [string, string | number | boolean][] = [];
  const contents: Uint8Array[] = [];
  const dimension = () => added(shape, whole(reader.int64()), MAX.dimensions, "dimensions");
  message(reader, (field, wireType) => {
    if (field === 1) name = textOf(reader);
    else if (field === 2) datatype = textOf(reader);
    else if (field === 3 && wireType === LENGTH_DELIMITED) for (const end = endOf(reader); reader.pos < end; ) dimension();
    else if (field === 3) dimension();
    else if (field === 4) parameterInto(reader, parameters);
    else if (field === 5) added(contents, reader.bytes(), MAX.inputs, "contents of an input");
    else return false;
    return true;
  });
  return { name, datatype, shape, parameters: Object.fromEntries(parameters), contents: contentsOf(contents) };
}

/**
 * Views into the bytes, which stay as long as they do.
 * @throws ServerError `bad_tensor` where it has more than is taken; RangeError or Error where the bytes are no such message
 */
export function inferRequest(bytes: Uint8Array): GrpcInferRequest {
  const reader = protobuf.Reader.create(bytes);
  const names = { model_name: "", model_version: "", id: "" };
  const parameters: [string, string | number | boolean][] = [];
  const inputs: GrpcInferRequest["inputs"][number][] = [];
  const outputs: GrpcInferRequest["outputs"][number][] = [];
  const raw: TensorBytes[] = [];
  fields(reader, reader.len, (field) => {
    if (field === 1) names.model_name = textOf(reader);
    else if (field === 2) names.model_version = textOf(reader);
    else if (field === 3) names.id = textOf(reader);
    else if (field === 4) parameterInto(reader, parameters);
    else if (field === 5) added(inputs, inputOf(reader), MAX.inputs, "inputs");
    else if (field === 6) added(outputs, outputOf(reader), MAX.outputs, "outputs");
    else if (field === 7) {
      const blob = viewed(reader.bytes());
      added(raw, () => blob, MAX.inputs, "raw_input_contents");
    } else return false;
    return true;
  });
  return { size: bytes.length, ...names, parameters: Object.fromEntries(parameters), inputs, outputs, raw };
}

function outputOf(reader: ProtoReader): GrpcInferRequest["outputs"][number] {
  let name = "";
  const parameters: [string, string | number | boolean][] = [];
  message(reader, (field) => {
    if (field === 1) name = textOf(reader);
    else if (field === 2) parameterInto(reader, parameters);
    else return false;
    return true;
  });
  return { name, parameters: Object.fromEntries(parameters) };
}
