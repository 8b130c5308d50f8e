// Messages of the protocol's gRPC form, and their way to what the routes of /v2 understand and back: an input's elements are read where they stand in
// the message, an answer's tensors become raw_output_contents. Nothing is decided here; the codec of /v2 checks what is asked.

import { ServerError } from "../errors.js";
import { binaryOf, checkedRequest, type DecodedRequest, type InferAnswer, wantedOutputs } from "../tensors/infer-codec.js";
import type { GrpcInferRequest } from "./infer-request.js";

/** A parameter as proto-loader takes it. */
interface InferParameter {
  readonly bool_param?: boolean;
  readonly string_param?: string;
  readonly double_param?: number;
}

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

/** A ModelInferResponse: all of its tensors in binary. @throws ServerError `bad_tensor` for an output there is not */
export function grpcResponse({ model, version, parameters, outputs, request }: InferAnswer): object {
  const wanted = wantedOutputs(outputs, request).map(({ tensor }) => tensor);
  return {
    model_name: model,
    model_version: version,
    id: request.id ?? "",
    parameters: Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, parameterOf(value)])),
    outputs: wanted.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
    raw_output_contents: wanted.map(binaryOf),
  };
}

function parameterOf(value: string | number | boolean): InferParameter {
  if (typeof value === "boolean") return { bool_param: value };
  return typeof value === "number" ? { double_param: value } : { string_param: value };
}
