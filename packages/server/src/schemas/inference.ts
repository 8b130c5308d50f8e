// The Open Inference Protocol v2 (KServe, Triton): metadata, and tensors in and out as JSON.

import { type Static, Type } from "typebox";
import { Name } from "./answer.js";

const Parameters = Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]));

const TensorMetadata = Type.Object({ name: Type.String(), datatype: Type.String(), shape: Type.Array(Type.Integer()) });

export const ServerMetadata = Type.Object({
  name: Type.String(),
  version: Type.String(),
  extensions: Type.Array(Type.String()),
  notice: Type.Optional(Type.String()),
});

export const ModelMetadata = Type.Object({
  name: Type.String(),
  versions: Type.Array(Type.String()),
  platform: Type.String(),
  inputs: Type.Array(TensorMetadata),
  outputs: Type.Array(TensorMetadata),
  parameters: Type.Optional(Type.Record(Type.String(), Type.String())),
});
export type ModelMetadata = Static<typeof ModelMetadata>;

export const ModelParams = Type.Object({ model: Name });
export type ModelParams = Static<typeof ModelParams>;
export const ModelVersionParams = Type.Object({ model: Name, version: Type.String({ maxLength: 64 }) });
export const Live = Type.Object({ live: Type.Boolean() });
export const Ready = Type.Object({ ready: Type.Boolean() });
export const ModelReady = Type.Object({ name: Type.String(), ready: Type.Boolean() });

const InferInput = Type.Object({
  name: Type.String({ maxLength: 64 }),
  shape: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: 8 }),
  datatype: Type.String({ maxLength: 16 }),
  parameters: Type.Optional(Parameters),
  // a list of numbers or strings, nested or flat: the codec looks into it once datatype and shape are known
  data: Type.Optional(Type.Unknown()),
});
export const InferRequest = Type.Object({
  id: Type.Optional(Type.String({ maxLength: 256 })),
  parameters: Type.Optional(Parameters),
  inputs: Type.Array(InferInput, { minItems: 1, maxItems: 8 }),
  outputs: Type.Optional(
    Type.Array(Type.Object({ name: Type.String({ maxLength: 64 }), parameters: Type.Optional(Parameters) }), { maxItems: 16 }),
  ),
});
export type InferRequest = Static<typeof InferRequest>;

/** What is taken of it: other datatypes are refused with words of their own. */
const TakenInput = Type.Object({
  ...InferInput.properties,
  shape: Type.Array(Type.Integer({ minimum: 1 }), { minItems: 1, maxItems: 8 }),
  datatype: Type.Union([Type.Literal("BYTES"), Type.Literal("FP32")]),
});
export const TakenInferRequest = Type.Object({
  ...InferRequest.properties,
  inputs: Type.Array(TakenInput, { minItems: 1, maxItems: 8 }),
});

export const InferResponse = Type.Object({
  model_name: Type.String(),
  model_version: Type.String(),
  id: Type.Optional(Type.String()),
  parameters: Type.Optional(Parameters),
  outputs: Type.Array(
    Type.Object({
      name: Type.String(),
      datatype: Type.String(),
      shape: Type.Array(Type.Integer()),
      parameters: Type.Optional(Parameters),
      data: Type.Optional(Type.Array(Type.Any())),
    }),
  ),
});
export type InferResponse = Static<typeof InferResponse>;
