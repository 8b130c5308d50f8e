// /v1/banks: what banks there are, uploads and compiled banks.

import { type Static, Type } from "typebox";
import { Digest, Name } from "./answer.js";

/** What is said of a bank wherever banks are listed. */
export const BANK_FACTS = {
  name: Type.String(),
  digest: Digest,
  classes: Type.Array(Type.String()),
  prompts: Type.Integer(),
  rho: Type.Number(),
  recipe: Type.String(),
  window: Type.Optional(Type.String({ description: "grey DICOM and volumes were shown in it when the bank was learned" })),
  plane: Type.Optional(Type.String({ description: "volumes were cut along it when the bank was learned" })),
  range: Type.Optional(Type.String({ description: "other grey of more than 8 bits was shown in it when the bank was learned" })),
  ultrasound_region: Type.Optional(Type.Boolean({ description: "ultrasound was cropped to its region when the bank was learned" })),
  volumes: Type.Optional(
    Type.Boolean({ description: "the bank was learned on whole series, or files of several frames: ask with volumes" }),
  ),
};
export const Bank = Type.Object({
  ...BANK_FACTS,
  open_set: Type.Boolean({ description: "true when any class names may be asked for" }),
});
export type Bank = Static<typeof Bank>;

export const BankList = Type.Object({ banks: Type.Array(Bank) });
export type BankList = Static<typeof BankList>;

export const BankName = Type.Object({ name: Name });
export const CompileBody = Type.Object(
  { classes: Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { minItems: 1, maxItems: 1000 }) },
  { additionalProperties: false },
);
export type CompileBody = Static<typeof CompileBody>;
