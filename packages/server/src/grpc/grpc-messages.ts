// Messages of the protocol's gRPC form, and their way to what the routes of /v2 understand and back: an input's elements are read where they stand in
// the message, an answer's tensors become raw_output_contents, written field by field. Nothing is decided here; the codec of /v2 checks what is asked.

import type { Writer } from "protobufjs/minimal.js";
import protobuf from "protobufjs/minimal.js";
import { ServerError } from "../errors.js";
import { binaryOf, checkedRequest, type DecodedRequest, type InferAnswer, wantedOutputs } from "../tensors/infer-codec.js";
import { PREFIX_BYTES } from "./call-messages.js";
import type { GrpcInferRequest } from "./infer-request.js";

/** The tag of a field whose length stands before it. */
const delimited = (field: number) => (field << 3) | 2;
const [BOOL_PARAM, STRING_PARAM, DOUBLE_PARAM] = [(1 << 3) | 0, delimited(3), (4 << 3) | 1];

/** What a message asks, checked as the same request over HTTP is. @throws ServerError `bad_tensor`, `bad_request` */
export function askedRequest({ id, inputs, outputs, raw, parameters }: GrpcInferRequest): DecodedRequest {
  if (raw.length > 0 && raw.length !== inputs.length) {
    throw new ServerError("bad_tensor", `raw_input_contents — expected one for each of ${inputs.length} inputs, got ${raw.length}.`);
  }
  const value = {
    ...(id === "" ? {} : { id }),
    parameters: { ...parameters, binary_data_output: true },
    inputs: inputs.map(({ name, datatype, shape, parameters: own }) => ({ name, datatype, shape, parameters: own })),
    ...(outputs.length === 0 ? {} : { outputs }),
  };
  return checkedRequest(value, (_input, i) => (raw[i] ?? inputs[i]?.contents)?.());
}

/** Bytes of a ModelInferResponse: all of its tensors in binary. @throws ServerError `bad_tensor` for an output there is not */
export function inferResponse(answer: InferAnswer): Uint8Array {
  const writer = protobuf.Writer.create();
  writeAnswer(writer, answer);
  return writer.finish();
}

/** A ModelStreamInferResponse with an answer, behind its prefix. @throws as `inferResponse` */
export function streamResponse(answer: InferAnswer): Uint8Array {
  const writer = protobuf.Writer.create().uint32(delimited(2)).fork();
  writeAnswer(writer, answer);
  // Triton says so with each answer of a stream: a request has one here
  writeParameter(writer, "triton_final_response", true);
  return framed(writer.ldelim().finish());
}

/** The same with an error in place of an answer. @param id of its request, where that was read */
export function streamError(message: string, id: string): Uint8Array {
  const writer = protobuf.Writer.create().uint32(delimited(1)).string(message);
  writer.uint32(delimited(2)).fork();
  if (id !== "") writer.uint32(delimited(3)).string(id);
  return framed(writer.ldelim().finish());
}

function framed(message: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame.writeUInt8(0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

function writeParameter(writer: Writer, name: string, value: string | number | boolean): void {
  writer.uint32(delimited(4)).fork().uint32(delimited(1)).string(name).uint32(delimited(2)).fork();
  if (typeof value === "boolean") writer.uint32(BOOL_PARAM).bool(value);
  else if (typeof value === "number") writer.uint32(DOUBLE_PARAM).double(value);
  else writer.uint32(STRING_PARAM).string(value);
  writer.ldelim().ldelim();
}

function writeAnswer(writer: Writer, { model, version, parameters, outputs, request }: InferAnswer): void {
  const wanted = wantedOutputs(outputs, request);
  writer.uint32(delimited(1)).string(model).uint32(delimited(2)).string(version);
  if (request.id !== undefined && request.id !== "") writer.uint32(delimited(3)).string(request.id);
  for (const [name, value] of Object.entries(parameters)) writeParameter(writer, name, value);
  for (const { tensor } of wanted) {
    writer.uint32(delimited(5)).fork().uint32(delimited(1)).string(tensor.name).uint32(delimited(2)).string(tensor.datatype);
    writer.uint32(delimited(3)).fork();
    for (const size of tensor.shape) writer.uint32(size);
    writer.ldelim().ldelim();
  }
  for (const { tensor } of wanted) writer.uint32(delimited(6)).bytes(binaryOf(tensor));
}
