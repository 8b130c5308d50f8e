// Messages of the protocol's gRPC form, and their way to the protocol's HTTP form and back: an input's elements become
// binary tensors behind a header of JSON, an answer's binary tensors become raw_output_contents. Nothing is decided here; the codec of /v2 reads it.

import { ServerError } from "../errors.js";
import type { GrpcInferRequest } from "./infer-request.js";

/** A parameter as proto-loader takes it. */
interface InferParameter {
  readonly bool_param?: boolean;
  readonly string_param?: string;
  readonly double_param?: number;
}

/** The body of /v2/models/{model}/infer, and the length of its JSON. @throws ServerError `bad_tensor` */
export function httpBody(request: GrpcInferRequest): { readonly body: Buffer; readonly headerLength: number } {
  const { id, inputs, outputs, raw, parameters } = request;
  if (raw.length > 0 && raw.length !== inputs.length) {
    throw new ServerError("bad_tensor", `raw_input_contents — expected one for each of ${inputs.length} inputs, got ${raw.length}.`);
  }
  const blobs = inputs.map(({ contents }, i) => raw[i] ?? contents);
  const json = Buffer.from(
    JSON.stringify({
      ...(id === "" ? {} : { id }),
      parameters: { ...parameters, binary_data_output: true },
      inputs: inputs.map((input, i) => ({
        ...{ name: input.name, datatype: input.datatype, shape: input.shape },
        parameters: { ...input.parameters, binary_data_size: blobs[i]?.length ?? 0 },
      })),
      ...(outputs.length === 0 ? {} : { outputs }),
    }),
  );
  const body = Buffer.allocUnsafe(blobs.reduce((sum, { length }) => sum + length, json.length));
  let at = json.copy(body);
  for (const blob of blobs) {
    blob.fill(body, at);
    at += blob.length;
  }
  return { body, headerLength: json.length };
}

interface HttpOutput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters: { readonly binary_data_size: number };
}

/** The answer of /v2/models/{model}/infer as a ModelInferResponse. @param headerLength bytes of its JSON */
export function grpcResponse(body: Buffer, headerLength: number): object {
  const head = JSON.parse(body.subarray(0, headerLength).toString("utf8")) as {
    readonly model_name: string;
    readonly model_version: string;
    readonly id?: string;
    readonly parameters?: Readonly<Record<string, string | number | boolean>>;
    readonly outputs: readonly HttpOutput[];
  };
  let at = headerLength;
  const raw = head.outputs.map(({ parameters }) => {
    const from = at;
    at += parameters.binary_data_size;
    return body.subarray(from, at);
  });
  return {
    model_name: head.model_name,
    model_version: head.model_version,
    id: head.id ?? "",
    parameters: Object.fromEntries(Object.entries(head.parameters ?? {}).map(([name, value]) => [name, parameterOf(value)])),
    outputs: head.outputs.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
    raw_output_contents: raw,
  };
}

function parameterOf(value: string | number | boolean): InferParameter {
  if (typeof value === "boolean") return { bool_param: value };
  return typeof value === "number" ? { double_param: value } : { string_param: value };
}
