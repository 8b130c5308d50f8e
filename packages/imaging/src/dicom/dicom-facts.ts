// What is told of a DICOM frame beside its pixels: never a tag of a patient.

/** Values that become 0 to 255: center ± width / 2, in the units of the modality step (CT: HU). */
export interface DisplayWindow {
  readonly center: number;
  readonly width: number;
}

/** A window, and whose word it is. */
export interface ShownWindow extends DisplayWindow {
  readonly source: "asked" | "file" | "min-max" | "full range" | "VOI LUT";
}

/** A part of a frame, in pixels from its upper left. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** What is told of a frame beside its pixels. */
export interface DicomFacts {
  /** counted from 1, as DICOM counts */
  readonly frame: number;
  readonly frames: number;
  /** e.g. CT; undefined where the file does not say */
  readonly modality: string | undefined;
  /** transfer syntax, by UID */
  readonly syntax: string;
  /** undefined for colour */
  readonly window: ShownWindow | undefined;
  /** MONOCHROME1: low values are bright */
  readonly inverted: boolean;
  /** pixels that the picture was cropped to, where a region was asked for */
  readonly region?: Region;
  /** what a reader should know: a shutter or overlay that is not drawn, pixels that are not square, names that may be burned in */
  readonly notes: readonly string[];
}
