// Tensors of the Open Inference Protocol v2 on the wire: JSON with data in it, or JSON followed by raw little-endian bytes
// (the binary tensor extension: Inference-Header-Content-Length, binary_data_size, binary_data, binary_data_output).
// A BYTES element is a u32 length and that many bytes in binary; in JSON it is a string: base64, a data URI's base64, or plain text.

import { floatsOf, littleEndian, parseStrictJson } from "@biovlm/files";
import { Compile } from "typebox/compile";
import { ServerError } from "../errors.js";
import { InferRequest, type InferResponse } from "../schemas/inference.js";
import { checkInputParameters, outputParameters } from "./infer-parameters.js";

export interface DecodedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly datatype: "BYTES" | "FP32";
  /** BYTES */
  readonly elements?: readonly Uint8Array[];
  /** FP32 */
  readonly numbers?: Float32Array;
}

export interface DecodedRequest {
  readonly id?: string;
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
  readonly inputs: readonly DecodedTensor[];
  /** names asked for, with whether each is wanted in binary; undefined where all are */
  readonly outputs?: readonly { readonly name: string; readonly binary: boolean; readonly classification?: number }[];
  /** what outputs that say nothing are sent as */
  readonly binaryOutput: boolean;
}

/** Compiled, and without a look into `data`: a check of each of millions of numbers would hold the server for seconds. */
const REQUEST = Compile(InferRequest);
const MAX_ELEMENTS = 1 << 24;
/** Of BYTES: far more images than a request may have, and few enough that a view of each weighs nothing beside the body. */
const MAX_BYTES_ELEMENTS = 1 << 16;

function bad(what: string): ServerError {
  return new ServerError("bad_tensor", `infer request — ${what}`);
}

/**
 * @param headerLength value of Inference-Header-Content-Length, where the request has it
 * @param maxJsonBytes largest JSON: parsing it is done in one go, and nobody else is answered meanwhile
 */
export function decodeInferRequest(body: Uint8Array, headerLength?: number, maxJsonBytes = Number.POSITIVE_INFINITY): DecodedRequest {
  if (headerLength !== undefined && (!Number.isInteger(headerLength) || headerLength < 2 || headerLength > body.length)) {
    throw bad(`expected Inference-Header-Content-Length from 2 to the body's ${body.length} bytes, got ${headerLength}.`);
  }
  const jsonBytes = headerLength ?? body.length;
  if (jsonBytes > maxJsonBytes) {
    throw new ServerError(
      "payload_too_large",
      `infer request — expected at most ${maxJsonBytes} bytes of JSON, got ${jsonBytes}. Send tensors in binary (binary_data_size and Inference-Header-Content-Length).`,
    );
  }
  let at = headerLength ?? body.length;
  const decoded = checkedRequest(parseJson(body.subarray(0, jsonBytes)), ({ name, parameters }) => {
    const size = parameters?.["binary_data_size"];
    if (size === undefined) return undefined;
    if (headerLength === undefined)
      throw bad(`input ${name} has binary_data_size, but the request has no Inference-Header-Content-Length.`);
    if (typeof size !== "number" || !Number.isInteger(size) || size < 0 || at + size > body.length) {
      throw bad(`input ${name} — expected a binary_data_size within the ${body.length - at} bytes that are left, got ${String(size)}.`);
    }
    at += size;
    return body.subarray(at - size, at);
  });
  if (at !== body.length) throw bad(`expected no bytes after the last input, got ${body.length - at}.`);
  return decoded;
}

/**
 * The request that a value is. @param value what JSON says, or what another form of the protocol says in its place
 * @param bytesOf an input's elements as binary data has them; undefined where the value holds them as `data`
 * @throws ServerError `bad_tensor`
 */
export function checkedRequest(
  value: unknown,
  bytesOf: (input: InferRequest["inputs"][number], index: number) => Uint8Array | undefined,
): DecodedRequest {
  if (!REQUEST.Check(value)) {
    const error = REQUEST.Errors(value).at(-1);
    throw bad(`${error?.instancePath || "the request"} ${error?.message ?? "does not match the protocol"}.`);
  }
  const request = value as InferRequest;
  const inputs = request.inputs.map((input, index): DecodedTensor => {
    const { name, shape, datatype, parameters } = input;
    checkInputParameters(name, parameters);
    const count = shape.reduce((a, b) => a * b, 1);
    const most = datatype === "BYTES" ? MAX_BYTES_ELEMENTS : MAX_ELEMENTS;
    if (count > most)
      throw bad(`input ${name} — expected at most ${most} elements, got shape [${shape.join(", ")}]. Send several requests.`);
    if (datatype !== "BYTES" && datatype !== "FP32") {
      throw bad(`input ${name} — expected datatype BYTES (images) or FP32 (embeddings), got ${JSON.stringify(datatype)}.`);
    }
    const bytes = bytesOf(input, index);
    if (bytes === undefined) {
      if (input.data === undefined)
        throw bad(`input ${name} — expected data, or binary_data_size and bytes after the header, got neither.`);
      if (!Array.isArray(input.data)) throw bad(`input ${name} — expected data as a list, got ${typeof input.data}.`);
      return datatype === "BYTES"
        ? { name, shape, datatype, elements: jsonElements(name, input.data, count) }
        : { name, shape, datatype, numbers: jsonNumbers(name, input.data, count) };
    }
    return datatype === "BYTES"
      ? { name, shape, datatype, elements: binaryElements(name, bytes, count) }
      : { name, shape, datatype, numbers: binaryNumbers(name, bytes, count) };
  });
  const binaryOutput = request.parameters?.["binary_data_output"] === true;
  return {
    ...(request.id === undefined ? {} : { id: request.id }),
    parameters: request.parameters ?? {},
    inputs,
    binaryOutput,
    ...(request.outputs === undefined
      ? {}
      : {
          outputs: request.outputs.map(({ name, parameters }) => ({ name, ...outputParameters(name, parameters, binaryOutput) })),
        }),
  };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return parseStrictJson(text, "request body");
  } catch (cause) {
    throw new ServerError("bad_json", `request body — expected JSON, got: ${(cause as Error).message.replace(/^\[[^\]]*\] /, "")}`, {
      cause,
    });
  }
}

/** Nested or flat JSON data, flattened. */
function flat(name: string, data: readonly unknown[], count: number): unknown[] {
  const out: unknown[] = [];
  const walk = (list: readonly unknown[], depth: number) => {
    for (const item of list) {
      if (Array.isArray(item)) {
        if (depth > 8) throw bad(`input ${name} — expected data nested at most 8 deep.`);
        walk(item, depth + 1);
      } else out.push(item);
      if (out.length > count) throw bad(`input ${name} — expected ${count} elements for its shape, got more.`);
    }
  };
  walk(data, 1);
  if (out.length !== count) throw bad(`input ${name} — expected ${count} elements for its shape, got ${out.length}.`);
  return out;
}

function jsonNumbers(name: string, data: readonly unknown[], count: number): Float32Array {
  const values = flat(name, data, count);
  if (!values.every((v): v is number => typeof v === "number")) throw bad(`input ${name} — expected numbers.`);
  return Float32Array.from(values);
}

function jsonElements(name: string, data: readonly unknown[], count: number): Uint8Array[] {
  const values = flat(name, data, count);
  return values.map((v) => {
    if (typeof v !== "string") throw bad(`input ${name} — expected strings with base64 in them.`);
    return decodeBase64(v, `input ${name}`);
  });
}

/** Base64 of an image, plain or in a data URI. Throws `bad_tensor`. */
export function decodeBase64(text: string, what: string): Uint8Array {
  const uri = /^data:[a-z]+\/[a-z0-9.+-]+(?:;[a-z0-9=.+-]+)*;base64,/i.exec(text);
  const plain = uri === null ? text : text.slice(uri[0].length);
  if (!/^[A-Za-z0-9+/\r\n]*={0,2}\s*$/.test(plain))
    throw bad(`${what} — expected base64 of an image file, got other text. Addresses are never fetched.`);
  return new Uint8Array(Buffer.from(plain, "base64"));
}

function binaryNumbers(name: string, bytes: Uint8Array, count: number): Float32Array {
  if (bytes.length !== count * 4) throw bad(`input ${name} — expected ${count * 4} bytes for its shape, got ${bytes.length}.`);
  return floatsOf(bytes);
}

function binaryElements(name: string, bytes: Uint8Array, count: number): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const elements: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + 4 > bytes.length) throw bad(`input ${name} — expected a length of 4 bytes before each element, got ${bytes.length - at}.`);
    const length = view.getUint32(at, true);
    if (at + 4 + length > bytes.length) throw bad(`input ${name} — expected an element of ${length} bytes, got ${bytes.length - at - 4}.`);
    elements.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
    if (elements.length > count) break;
  }
  if (elements.length !== count)
    throw bad(`input ${name} — expected ${count} elements for its shape, got ${elements.length > count ? "more" : elements.length}.`);
  return elements;
}

/** One output tensor as a route made it. */
export type OutputTensor =
  | {
      readonly name: string;
      readonly datatype: "FP32";
      readonly shape: readonly number[];
      readonly data: Float32Array;
      /** names of the columns, where they are classes */
      readonly labels?: readonly string[];
    }
  | { readonly name: string; readonly datatype: "INT32"; readonly shape: readonly number[]; readonly data: Int32Array }
  | { readonly name: string; readonly datatype: "BYTES"; readonly shape: readonly number[]; readonly data: readonly string[] };

/** Outputs asked for, in the order asked. Throws `bad_tensor` for an output there is not. */
export function wantedOutputs(
  outputs: readonly OutputTensor[],
  request: Pick<DecodedRequest, "outputs" | "binaryOutput">,
): { readonly tensor: OutputTensor; readonly binary: boolean }[] {
  const all: NonNullable<DecodedRequest["outputs"]> = outputs.map(({ name }) => ({ name, binary: request.binaryOutput }));
  return (request.outputs ?? all).map(({ name, binary, classification }) => {
    const tensor = outputs.find((o) => o.name === name);
    if (tensor === undefined) throw bad(`output ${JSON.stringify(name)} — expected one of ${outputs.map((o) => o.name).join(", ")}.`);
    return { tensor: classification === undefined || tensor.datatype !== "FP32" ? tensor : ranked(tensor, classification), binary };
  });
}

/** The protocol's classification extension: probabilities [n,C] → [n,count] texts "probability:index:class", most probable first. */
function ranked({ name, shape, data, labels = [] }: OutputTensor & { readonly datatype: "FP32" }, count: number): OutputTensor {
  const [n = 0, C = 0] = shape;
  const k = Math.min(count, C);
  const texts = Array.from({ length: n }, (_, i) => {
    const row = Array.from(data.subarray(i * C, (i + 1) * C)).map((probability, index) => ({ probability, index }));
    row.sort((a, b) => b.probability - a.probability || a.index - b.index);
    return row.slice(0, k).map(({ probability, index }) => `${probability.toFixed(6)}:${index}:${labels[index] ?? ""}`);
  });
  return { name, datatype: "BYTES", shape: [n, k], data: texts.flat() };
}

/** What a request for inference is answered with, before it is written in any form of the protocol. */
export interface InferAnswer {
  readonly model: string;
  readonly version: string;
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
  readonly outputs: readonly OutputTensor[];
  readonly request: Pick<DecodedRequest, "id" | "outputs" | "binaryOutput">;
}

export interface EncodedResponse {
  readonly body: Uint8Array;
  /** value of Inference-Header-Content-Length; absent for pure JSON */
  readonly headerLength?: number;
}

/** The response body: outputs asked for, in the order asked, each in JSON or in binary. Throws `bad_tensor` for an output there is not. */
export function encodeInferResponse(
  head: { readonly model: string; readonly version: string; readonly parameters?: Readonly<Record<string, string | number | boolean>> },
  outputs: readonly OutputTensor[],
  request: Pick<DecodedRequest, "id" | "outputs" | "binaryOutput">,
): EncodedResponse {
  const wanted = wantedOutputs(outputs, request);
  const blobs: Uint8Array[] = [];
  const response: InferResponse = {
    model_name: head.model,
    model_version: head.version,
    ...(request.id === undefined ? {} : { id: request.id }),
    ...(head.parameters === undefined ? {} : { parameters: { ...head.parameters } }),
    outputs: wanted.map(({ tensor, binary }) => {
      const { name, datatype, shape } = tensor;
      if (!binary) return { name, datatype, shape: [...shape], data: Array.from(tensor.data as ArrayLike<unknown>) };
      const blob = binaryOf(tensor);
      blobs.push(blob);
      return { name, datatype, shape: [...shape], parameters: { binary_data_size: blob.length } };
    }),
  };
  const json = new TextEncoder().encode(JSON.stringify(response));
  if (blobs.length === 0) return { body: json };
  return { body: new Uint8Array(Buffer.concat([json, ...blobs])), headerLength: json.length };
}

/** A tensor's elements as binary data has them: row-major, little-endian, before each text its length as four bytes. */
export function binaryOf(tensor: OutputTensor): Uint8Array {
  if (tensor.datatype === "BYTES") {
    const lengths = tensor.data.map((text) => Buffer.byteLength(text));
    const out = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + 4 + length, 0));
    let at = 0;
    for (const [i, text] of tensor.data.entries()) {
      at = out.writeUInt32LE(lengths[i] ?? 0, at);
      at += out.write(text, at);
    }
    return new Uint8Array(out.buffer, out.byteOffset, out.length);
  }
  return littleEndian(tensor.data);
}
