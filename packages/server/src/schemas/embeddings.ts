// POST /v1/embeddings and GET /v1/models in OpenAI's shape. Inputs are texts, or images as data URIs; addresses are never fetched.

import { type Static, Type } from "typebox";
import { SHOWN } from "./shown.js";

export const EmbeddingsBody = Type.Object(
  {
    model: Type.String({ minLength: 1, maxLength: 64 }),
    input: Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1, maxItems: 2048 })]),
    encoding_format: Type.Optional(Type.Union([Type.Literal("float"), Type.Literal("base64")])),
    dimensions: Type.Optional(Type.Integer({ minimum: 1 })),
    user: Type.Optional(Type.String({ description: "accepted and not kept" })),
    truncate: Type.Optional(
      Type.Union([Type.Boolean(), Type.String()], { description: "true or END: a text that is too long loses its end, as without it" }),
    ),
    normalize: Type.Optional(Type.Boolean({ description: "true: rows have length 1, as without it" })),
    input_type: Type.Optional(Type.String({ description: "accepted; queries and passages are embedded alike" })),
    ...SHOWN,
  },
  { additionalProperties: false },
);
export type EmbeddingsBody = Static<typeof EmbeddingsBody>;

const Text = Type.String({ pattern: "\\S" });
/** What is taken of it: a blank text, and what would change the answer, are refused with words of their own. */
export const TakenEmbeddingsBody = Type.Object(
  {
    ...EmbeddingsBody.properties,
    input: Type.Union([Text, Type.Array(Text, { minItems: 1, maxItems: 2048 })]),
    truncate: Type.Optional(
      Type.Union([Type.Literal(true), Type.Literal("END")], { description: "a text that is too long loses its end, as without it" }),
    ),
    normalize: Type.Optional(Type.Literal(true, { description: "rows have length 1, as without it" })),
  },
  { additionalProperties: false },
);

export const EmbeddingsAnswer = Type.Object({
  object: Type.Literal("list"),
  data: Type.Array(
    Type.Object({
      object: Type.Literal("embedding"),
      index: Type.Integer({ description: "of the input; with volumes that of a series' first slice, and a series is one row" }),
      embedding: Type.Union([Type.Array(Type.Number()), Type.String()], { description: "numbers, or base64 of little-endian float32" }),
      images: Type.Optional(
        Type.Array(Type.Integer({ minimum: 0 }), { description: "with frame or volumes: inputs that the row is the mean of, in order" }),
      ),
    }),
  ),
  model: Type.String(),
  usage: Type.Object({ prompt_tokens: Type.Integer(), total_tokens: Type.Integer() }),
});
export type EmbeddingsAnswer = Static<typeof EmbeddingsAnswer>;

export const ModelEntry = Type.Object({
  id: Type.String(),
  object: Type.Literal("model"),
  created: Type.Integer(),
  owned_by: Type.String(),
});
export type ModelEntry = Static<typeof ModelEntry>;

export const ModelList = Type.Object({ object: Type.Literal("list"), data: Type.Array(ModelEntry) });
export type ModelList = Static<typeof ModelList>;
