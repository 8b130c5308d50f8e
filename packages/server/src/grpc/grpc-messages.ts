// Messages of the protocol's gRPC form as proto-loader gives them, and their way to the protocol's HTTP form and back: an input's elements become
// binary tensors behind a header of JSON, an answer's binary tensors become raw_output_contents. Nothing is decided here; the codec of /v2 reads it.

import { ServerError } from "../errors.js";

/** A parameter as proto-loader gives it: the name of the one that is set, and its value. Whole numbers come as text. */
interface InferParameter {
  readonly parameter_choice?: "bool_param" | "int64_param" | "string_param" | "double_param" | "uint64_param";
  readonly bool_param?: boolean;
  readonly int64_param?: string;
  readonly uint64_param?: string;
  readonly string_param?: string;
  readonly double_param?: number;
}
type Parameters = Readonly<Record<string, InferParameter>>;

export interface GrpcInferRequest {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly parameters: Parameters;
  readonly inputs: readonly {
    readonly name: string;
    readonly datatype: string;
    readonly shape: readonly string[];
    readonly parameters: Parameters;
    readonly contents: { readonly fp32_contents: readonly number[]; readonly bytes_contents: readonly Uint8Array[] } | null;
  }[];
  readonly outputs: readonly { readonly name: string; readonly parameters: Parameters }[];
  readonly raw_input_contents: readonly Uint8Array[];
}

/** The body of /v2/models/{model}/infer, and the length of its JSON. @throws ServerError `bad_tensor` */
export function httpBody(request: GrpcInferRequest): { readonly body: Buffer; readonly headerLength: number } {
  const { inputs, outputs, raw_input_contents: raw } = request;
  if (raw.length > 0 && raw.length !== inputs.length) {
    throw new ServerError("bad_tensor", `raw_input_contents — expected one for each of ${inputs.length} inputs, got ${raw.length}.`);
  }
  const blobs = inputs.map(({ contents }, i) => raw[i] ?? contentsBytes(contents));
  const json = Buffer.from(
    JSON.stringify({
      ...(request.id === "" ? {} : { id: request.id }),
      parameters: { ...values(request.parameters), binary_data_output: true },
      inputs: inputs.map(({ name, datatype, shape, parameters }, i) => ({
        ...{ name, datatype, shape: shape.map(Number) },
        parameters: { ...values(parameters), binary_data_size: blobs[i]?.length ?? 0 },
      })),
      ...(outputs.length === 0 ? {} : { outputs: outputs.map(({ name, parameters }) => ({ name, parameters: values(parameters) })) }),
    }),
  );
  return { body: Buffer.concat([json, ...blobs]), headerLength: json.length };
}

/** Elements given one by one, as the raw form has them. */
function contentsBytes(contents: GrpcInferRequest["inputs"][number]["contents"]): Uint8Array {
  const { fp32_contents: numbers = [], bytes_contents: elements = [] } = contents ?? {};
  if (elements.length > 0) {
    return Buffer.concat(
      elements.flatMap((element) => {
        const length = Buffer.alloc(4);
        length.writeUInt32LE(element.length);
        return [length, element];
      }),
    );
  }
  const bytes = Buffer.alloc(numbers.length * 4);
  for (const [i, x] of numbers.entries()) bytes.writeFloatLE(x, i * 4);
  return bytes;
}

function values(parameters: Parameters): Record<string, string | number | boolean> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, parameter]) => {
      const { parameter_choice: choice } = parameter;
      const value = choice === undefined ? "" : (parameter[choice] ?? "");
      return [name, choice === "int64_param" || choice === "uint64_param" ? Number(value) : value];
    }),
  );
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
