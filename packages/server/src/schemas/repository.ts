// Lists of models: KServe's GET /v2/models and Triton's repository index.

import { type Static, Type } from "typebox";

export const ModelNames = Type.Object({ models: Type.Array(Type.String()) });
export type ModelNames = Static<typeof ModelNames>;

export const IndexBody = Type.Object(
  { ready: Type.Optional(Type.Boolean({ description: "only models that are ready" })) },
  { additionalProperties: false },
);
export type IndexBody = Static<typeof IndexBody>;

export const RepositoryIndex = Type.Array(
  Type.Object({
    name: Type.String(),
    version: Type.String(),
    state: Type.Union([Type.Literal("READY"), Type.Literal("UNAVAILABLE")]),
    reason: Type.String({ description: "why it is not ready" }),
  }),
);
export type RepositoryIndex = Static<typeof RepositoryIndex>;
