// POST /v1/classify: options in the query, in form fields or in the JSON body; images as the raw body, as parts, or base64.

import { IMAGE_KINDS, imageKinds } from "@biovlm/files";
import { type Static, Type } from "typebox";
import { Identity, ImageResult, Name, Timings, VolumeResult } from "./answer.js";
import { frameWords, SHOWN } from "./shown.js";

const Classes = Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
  minItems: 1,
  maxItems: 1000,
  description: "class names instead of the bank's own; needs a bank with context vectors",
});

const prevalence = (more: { readonly maxLength: number; readonly pattern?: string }) =>
  Type.Optional(
    Type.String({
      minLength: 1,
      description:
        "how common the classes are, NAME=SHARE with commas between, or train as the bank was learned; the server's own when absent",
      ...more,
    }),
  );

const options = {
  model: Type.Optional(Name),
  bank: Type.Optional(Name),
  rho: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1, description: "share of prompts kept, instead of the bank's" })),
  prevalence: prevalence({ maxLength: 16_384 }),
  top: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: "most probable classes to answer with" })),
  explain: Type.Optional(Type.Boolean({ description: "answer with every prompt's own probabilities" })),
  ...SHOWN,
};

export const ClassifyOptions = Type.Object({ ...options, classes: Type.Optional(Classes) }, { additionalProperties: false });
export type ClassifyOptions = Static<typeof ClassifyOptions>;

/**
 * In a query `classes` may be given once or often, and what is long does not fit: a request's headers and path are at most 16 KiB. For the document;
 * what is enforced is `ClassifyOptions`.
 */
export const ClassifyQuery = Type.Object(
  {
    ...options,
    ...frameWords(),
    prevalence: prevalence({ maxLength: 4096, pattern: "^\\s*train\\s*$|=\\s*[\\d.]+(e-?\\d+)?\\s*,?\\s*$" }),
    classes: Type.Optional(Type.Union([Classes, Type.String({ minLength: 1, maxLength: 200 })])),
  },
  { additionalProperties: false },
);
export type ClassifyQuery = Static<typeof ClassifyQuery>;

const images = Type.Array(
  Type.String({
    contentEncoding: "base64",
    description: `a whole ${imageKinds("or")} file`,
  }),
  {
    minItems: 1,
  },
);
/** What is enforced; words of frames and windows are the engine's to refuse. */
export const ClassifyBody = Type.Object({ ...options, classes: Type.Optional(Classes), images }, { additionalProperties: false });
/** For the document. */
export const ClassifyDocument = Type.Object(
  { ...options, ...frameWords(), classes: Type.Optional(Classes), images },
  { additionalProperties: false },
);
export type ClassifyBody = Static<typeof ClassifyBody>;

export const ClassifyAnswer = Type.Object({
  model: Identity,
  bank: Identity,
  classes: Type.Array(Type.String(), { description: "order of the probabilities in `prompts`" }),
  prevalence: Type.Optional(
    Type.Array(Type.Number(), { description: "share of each class, in the order of `classes`, where the scores were shifted by it" }),
  ),
  device: Type.String(),
  core: Type.String(),
  fell_back: Type.Boolean({ description: "true when another device than the first choice answered" }),
  timingsMs: Timings,
  results: Type.Array(ImageResult, { description: "in the order of the images; one that cannot be read has an error in its place" }),
  volumes: Type.Optional(Type.Array(VolumeResult, { description: "with volumes: an answer for each, by number" })),
  notice: Type.String(),
});
export type ClassifyAnswer = Static<typeof ClassifyAnswer>;

/** Media types of a raw body. */
export const IMAGE_TYPES = [
  ...IMAGE_KINDS.flatMap(({ media }): readonly (typeof IMAGE_KINDS)[number]["media"][number][] => media),
  "application/octet-stream",
] as const;
