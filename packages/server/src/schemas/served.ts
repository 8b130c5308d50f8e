// GET /v1/served: names with what stands behind them, and the banks that each may be asked with. /server.json: whether this server answers.

import { type Static, Type } from "typebox";
import { Digest } from "./answer.js";
import { BANK_FACTS } from "./banks.js";

const ServedBank = Type.Object({
  ...BANK_FACTS,
  own: Type.Boolean({ description: "the one that answers where no bank is named" }),
});

export const Served = Type.Object({
  version: Type.String({ description: "of the server, as GET /v2 says it" }),
  models: Type.Array(
    Type.Object({
      name: Type.String(),
      model: Type.String({ description: "the weights' own name" }),
      digest: Digest,
      device: Type.String(),
      precision: Type.String(),
      image_tower: Type.Optional(
        Type.String({ description: "in int8, what computes image embeddings: native (avx512-vnni), or onnxruntime with the reason" }),
      ),
      banks: Type.Array(ServedBank, { description: "made for these weights" }),
    }),
  ),
  notice: Type.String(),
});
export type Served = Static<typeof Served>;

/** What the page is told before anybody chose anything: nothing of models or banks. */
export interface ServerFacts {
  readonly answers: true;
  /** whether /v1 wants a key */
  readonly key: boolean;
  readonly limits: { readonly maxImages: number; readonly maxImageBytes: number; readonly maxBodyBytes: number };
}
