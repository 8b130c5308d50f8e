// Shapes of answers that several routes share. Schemas validate, document and type; nothing else says what a route takes or gives.

import { NAME_PATTERN } from "@biovlm/files";
import { type Static, type TInteger, Type } from "typebox";

export const RESEARCH_USE = "Research use only, not a medical device.";

export const Digest = Type.String({ pattern: "^sha256:[0-9a-f]{64}$", description: "sha256 of the content" });
export const Name = Type.String({ pattern: NAME_PATTERN.source });

const Prediction = Type.Object({ class: Type.String(), probability: Type.Number({ minimum: 0, maximum: 1 }) });
const KeptPrompt = Type.Object({ prompt: Type.Integer({ minimum: 0 }), entropy: Type.Number({ minimum: 0, description: "nats" }) });
const PromptAnswer = Type.Object({
  index: Type.Integer({ minimum: 0 }),
  name: Type.Optional(Type.String()),
  entropy: Type.Number({ minimum: 0 }),
  kept: Type.Boolean(),
  probabilities: Type.Array(Type.Number()),
});
const PartAnswer = Type.Object({
  name: Type.String(),
  weight: Type.Number({ minimum: 0 }),
  margin: Type.Number({ description: "weighted score of the first class less that of the second" }),
});
const Notes = (description: string) => Type.Array(Type.String(), { description });
const Window = (description: string) =>
  Type.Object(
    {
      center: Type.Number(),
      width: Type.Number(),
      source: Type.Enum(["asked", "file", "min-max", "full range", "VOI LUT"], { description: "who says so" }),
    },
    { description },
  );
/** How a DICOM file was shown. Nothing of a patient is in it. */
const DicomFacts = Type.Object(
  {
    frame: Type.Integer({ minimum: 1 }),
    frames: Type.Integer({ minimum: 1 }),
    modality: Type.Optional(Type.String({ description: "as the file says, e.g. CT" })),
    syntax: Type.String({ description: "UID of its transfer syntax" }),
    window: Type.Optional(Window("values that become 0 to 255: center ± width / 2, in the file's own units (CT: HU); absent for colour")),
    inverted: Type.Boolean({ description: "low values are bright" }),
    region: Type.Optional(
      Type.Object(
        { left: Type.Integer(), top: Type.Integer(), width: Type.Integer(), height: Type.Integer() },
        { description: "pixels that the frame was cropped to" },
      ),
    ),
    notes: Notes("what a reader should know of it"),
  },
  { description: "of a DICOM file: how it was shown" },
);
/** How a volume was shown. Nothing of its header's texts is in it. */
const SliceFacts = Type.Object(
  {
    frame: Type.Integer({ minimum: 1, description: "the slice that was shown, counted from 1" }),
    frames: Type.Integer({ minimum: 1, description: "slices of the plane" }),
    plane: Type.Enum(["axial", "coronal", "sagittal"]),
    window: Window("values that become 0 to 255: center ± width / 2, in the file's own units"),
    notes: Notes("what a reader should know of it"),
  },
  { description: "of a volume (NIfTI, NRRD): which slice was shown, and how" },
);
/** Which page of a file was read. */
const PageFacts = Type.Object(
  {
    frame: Type.Integer({ minimum: 1, description: "the page that was read, counted from 1" }),
    frames: Type.Integer({ minimum: 1, description: "pages of the file" }),
  },
  { description: "of a TIFF of several pages: which was read" },
);
const Failure = Type.Object({ code: Type.String(), message: Type.String() });
const Predictions = Type.Array(Prediction, { description: "most probable first" });
/** What is said of one picture: an image, or a frame of one. */
const PICTURE = {
  predictions: Type.Optional(Predictions),
  kept: Type.Optional(Type.Array(KeptPrompt, { description: "prompts of lowest entropy, lowest first" })),
  prompts: Type.Optional(Type.Array(PromptAnswer, { description: "with explain: every prompt's own answer" })),
  parts: Type.Optional(Type.Array(PartAnswer, { description: "with explain, of a bank with a mixture: what each part adds" })),
  dicom: Type.Optional(DicomFacts),
  slice: Type.Optional(SliceFacts),
  page: Type.Optional(PageFacts),
  notes: Type.Optional(Notes("of another image than DICOM or a volume: what a reader should know of it")),
  error: Type.Optional(Failure),
};
const Surest = <Name extends string>(at: Name) =>
  Type.Array(
    Type.Object({
      ...({ [at]: Type.Integer({ minimum: 1 }) } as Record<Name, TInteger>),
      class: Type.String(),
      probability: Type.Number(),
    }),
    {
      description: "those whose own first class is most probable, the surest first; three at most",
    },
  );
const FramesResult = Type.Object(
  {
    count: Type.Integer({ minimum: 1, description: "frames that the file has" }),
    answered: Type.Integer({ minimum: 0, description: "those that the file's answer is the mean of" }),
    surest: Surest("frame"),
    answers: Type.Array(Type.Object({ frame: Type.Integer({ minimum: 1 }), ...PICTURE }), {
      description: "each frame's own answer, in order",
    }),
  },
  { description: "of a file of which several frames were asked for; its own predictions are the mean of theirs" },
);
const Why = Type.Enum(["localiser", "there twice"]);
export const ImageResult = Type.Object({
  sha256: Type.String({ pattern: "^[0-9a-f]{64}$", description: "of the bytes sent" }),
  ...PICTURE,
  frames: Type.Optional(FramesResult),
  volume: Type.Optional(
    Type.Object(
      { number: Type.Integer({ minimum: 1 }), slice: Type.Integer({ minimum: 1 }), slices: Type.Integer({ minimum: 1 }) },
      { description: "with volumes: where it stands in its volume, its first slice counted from 1" },
    ),
  ),
  leftOut: Type.Optional(Why),
});
export type ImageResult = Static<typeof ImageResult>;

/** A series, or a file of several frames that is of none; the shape of the command line's JSON, with images by their index. */
export const VolumeResult = Type.Object({
  volume: Type.Object({
    number: Type.Integer({ minimum: 1 }),
    slices: Type.Integer({ minimum: 0 }),
    answered: Type.Integer({ minimum: 0, description: "slices that the answer is the mean of" }),
    images: Type.Array(Type.Integer({ minimum: 0 }), {
      description: "its images in anatomical order, by their index in the request, from 0",
    }),
    notes: Notes("what a reader should know of it"),
    leftOut: Type.Array(Type.Object({ image: Type.Integer({ minimum: 0 }), why: Why })),
    surest: Surest("slice"),
  }),
  predictions: Type.Optional(Predictions),
});
export type VolumeResult = Static<typeof VolumeResult>;

export const Identity = Type.Object({ name: Type.String(), digest: Digest });
export const Timings = Type.Object(
  Object.fromEntries(["queue", "decode", "preprocess", "encode", "route"].map((part) => [part, Type.Number()])),
  { description: "milliseconds: `queue` is the longest wait, the others are sums over the images" },
);

/** RFC 9457, with the stable code. */
export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  code: Type.String({ description: "stable; what programs should look at" }),
  instance: Type.Optional(Type.String({ description: "the request, by the number that the log names it with" })),
});
export type Problem = Static<typeof Problem>;

/** The error of the Open Inference Protocol. */
export const ProtocolError = Type.Object({ error: Type.String() });

/** The error of the OpenAI API. */
export const OpenaiError = Type.Object({
  error: Type.Object({
    message: Type.String(),
    type: Type.String(),
    param: Type.Union([Type.String(), Type.Null()]),
    code: Type.String(),
  }),
});
