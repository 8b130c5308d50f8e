// How images of a request are shown and which of their frames are answered: options of every route that takes image files. Their words are the
// command line's, and one parser reads both: what is wrong with one is said by the engine.

import { type Static, Type } from "typebox";

const FRAME =
  "frame of DICOM with several, slice of a volume, or page of a TIFF: middle, a number from 1, all, or every=K; the last two answer each of those frames beside the file";
const PLANE = "plane that slices of a volume are cut along; the server's own when absent";
const WINDOW =
  "window of grey DICOM and volumes: file, min-max, lung, mediastinum, abdomen, liver, bone, brain, stroke, subdural, or CENTER/WIDTH; the server's own when absent";
const RANGE =
  "values of other grey of more than 8 bits that become black and white: file, full, bits=N, or LOW..HIGH; the server's own when absent";
const VOLUMES =
  "DICOM files of one series in anatomical order as one volume, files of several frames with all of them, and an answer for each volume beside those of the images";
const CROPPED =
  "the images are pictures that were cropped to the ultrasound region before they were sent: nothing is cropped here, and one that names no region is taken";

const Word = (description: string) => Type.Optional(Type.String({ maxLength: 40, description }));

export const SHOWN = {
  frame: Type.Optional(Type.Union([Type.String({ maxLength: 40 }), Type.Integer({ minimum: 1 })], { description: FRAME })),
  plane: Word(PLANE),
  window: Word(WINDOW),
  range: Word(RANGE),
  volumes: Type.Optional(Type.Boolean({ description: VOLUMES })),
  cropped: Type.Optional(Type.Boolean({ description: CROPPED })),
};
const Shown = Type.Object(SHOWN);

/** The same with the words that are taken, for the document. */
export function frameWords() {
  const number = "-?\\d{1,9}(\\.\\d{1,9})?";
  const pattern = (text: string, description: string) => Type.Optional(Type.String({ pattern: `^(${text})$`, description }));
  return {
    frame: Type.Optional(
      Type.Union(
        [Type.String({ pattern: "^(middle|all|[1-9]\\d{0,5}|every=[1-9]\\d{0,4})$" }), Type.Integer({ minimum: 1, maximum: 999_999 })],
        {
          description: FRAME,
        },
      ),
    ),
    plane: Type.Optional(Type.Enum(["axial", "coronal", "sagittal"], { description: PLANE })),
    window: pattern(`file|min-max|lung|mediastinum|abdomen|liver|bone|brain|stroke|subdural|${number}/[1-9]\\d{0,8}`, WINDOW),
    range: pattern("file|full|bits=([1-9]|1[0-6])|0\\.\\.[1-9]\\d{0,4}", RANGE),
  };
}

/** As the engine takes them. */
export function shownOf({ frame, plane, window, range, volumes, cropped }: Static<typeof Shown>): {
  readonly frame?: string;
  readonly plane?: string;
  readonly window?: string;
  readonly range?: string;
  readonly volumes?: boolean;
  readonly cropped?: boolean;
} {
  return {
    ...(frame === undefined ? {} : { frame: String(frame) }),
    ...(plane === undefined ? {} : { plane }),
    ...(window === undefined ? {} : { window }),
    ...(range === undefined ? {} : { range }),
    ...(volumes === undefined ? {} : { volumes }),
    ...(cropped === undefined ? {} : { cropped }),
  };
}
