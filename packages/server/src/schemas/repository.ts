// Lists of models: KServe's GET /v2/models and Triton's repository index.

import { type Static, Type } from "typebox";

export const ModelNames = Type.Object({ models: Type.Array(Type.String()) });
export type ModelNames = Static<typeof ModelNames>;

export const IndexBody = Type.Object(
  { ready: Type.Optional(Type.Boolean({ description: "only models that are ready" })) },
  { additionalProperties: false },
);
export type IndexBody = Static<typeof IndexBody>;

const state = Type.Union([Type.Literal("READY"), Type.Literal("LOADING"), Type.Literal("UNAVAILABLE")], {
  description: "READY also where it is not in memory and will be loaded when it is asked for",
});
const reason = Type.String({ description: "why it is not ready, or not in memory" });

/** Triton's clients send parameters; `unload_dependents` means nothing here, others are refused. */
export const RepositoryBody = Type.Object(
  { parameters: Type.Optional(Type.Record(Type.String({ maxLength: 64 }), Type.Union([Type.String(), Type.Number(), Type.Boolean()]))) },
  { additionalProperties: false },
);
export type RepositoryBody = Static<typeof RepositoryBody>;
/** What of it is taken, for the document: refusing the rest has words of its own. */
export const TakenRepositoryBody = Type.Object(
  {
    parameters: Type.Optional(
      Type.Object(
        { unload_dependents: Type.Optional(Type.Union([Type.String(), Type.Number(), Type.Boolean()])) },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);

export const RepositoryModel = Type.Object({ name: Type.String(), state, reason });
export type RepositoryModel = Static<typeof RepositoryModel>;

export const RepositoryIndex = Type.Array(Type.Object({ name: Type.String(), version: Type.String(), state, reason }));
export type RepositoryIndex = Static<typeof RepositoryIndex>;
