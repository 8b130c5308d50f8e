// What the page and its engine (a Web Worker) say to each other. Everything that computes is behind these messages; the page only shows.
// Every message is plain data that structured cloning takes; a request has an id, its answer and its progress carry the same one.

import type { LearningReport } from "@biovlm/evaluation";
import type { DicomFacts, PageFacts, Plane, SliceFacts, SlicePlace } from "@biovlm/imaging";
import type { Classification, DeviceChange } from "@biovlm/model";

export type PlaneName = Plane;
export type DeviceWish = "auto" | "webgpu" | "wasm";
export type PrecisionWish = "auto" | "fp32" | "fp16" | "int8";

/** A model that the page's own server offers, with what its files must be. */
export interface OfferedModel {
  readonly name: string;
  readonly summary: string;
  readonly files: Readonly<Record<"weights" | "openClipConfig" | "tokenizerJson", OfferedFile>>;
}
export interface OfferedFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** Where a model comes from: the page's server, or files that a person picked. */
export type ModelSource =
  | { readonly kind: "offered"; readonly model: OfferedModel }
  | { readonly kind: "files"; readonly weights: Blob; readonly openClipConfig: Blob; readonly tokenizerJson: Blob };

/** Which classes and which prompts. */
export type ClassSource =
  | { readonly kind: "names"; readonly names: readonly string[] }
  /** `attributes` [C][M]: phrases in place of the set's own */
  | { readonly kind: "dataset"; readonly name: string; readonly attributes?: readonly (readonly string[])[] }
  | { readonly kind: "bank"; readonly file: Blob; readonly names?: readonly string[] }
  /** a model and a bank of the server that the page came from: answered there, never by the engine */
  | { readonly kind: "server"; readonly model: string; readonly bank: string };

/** Who answers where it is not this page: what its answers are named by. */
export interface Answerer {
  /** the page's own: "clinic.example:8080" */
  readonly host: string;
  /** of the server's program; unknown of one from before it said so */
  readonly version?: string;
  readonly model: { readonly name: string; readonly digest: string };
  readonly bank: string;
  readonly device: string;
  readonly precision: string;
  /** [C] shares that its answers are shifted by, where they are; known once it has answered */
  prevalence?: readonly number[];
}

export interface ImageRef {
  readonly id: number;
  readonly file: Blob;
  /** of DICOM and volumes, counted from 0; the middle one where absent */
  readonly frame?: number;
  /** of grey DICOM and volumes, as a person writes it: "lung", "-600/1500", "min-max"; as the file says where absent */
  readonly window?: string;
  /** of volumes; axial where absent */
  readonly plane?: PlaneName;
  /** of grey of more than 8 bits that is neither, as a person writes it: "bits=12", "-1000..400"; as the file says where absent */
  readonly range?: string;
  /** crop to the region that ultrasound DICOM names; what names none is refused then */
  readonly ultrasoundRegion?: true;
}

/** How images are shown, where it is not as their files say. */
export type HowShown = Pick<ImageRef, "window" | "plane" | "range" | "ultrasoundRegion">;

export interface LearnChoices {
  readonly classes: readonly string[];
  /** [C][M] of a data set's classes: what the teacher is made of; templates where absent */
  readonly sentences?: readonly (readonly string[])[];
  readonly images: readonly (ImageRef & { readonly label: number })[];
  /** labelled images that are measured on and not learned from */
  readonly tests: readonly (ImageRef & { readonly label: number })[];
  readonly epochs: number;
  readonly prompts: number;
  readonly seed: number;
}

/** Requests by name, with what is asked and what is answered. */
export interface Requests {
  open: {
    ask: {
      readonly source: ModelSource;
      readonly device: DeviceWish;
      readonly precision: PrecisionWish;
      readonly threads?: number;
      readonly base: string;
    };
    answer: Opened;
  };
  prepare: { ask: { readonly classes: ClassSource }; answer: Prepared };
  classify: { ask: { readonly images: readonly ImageRef[] }; answer: readonly ImageAnswer[] };
  /** where files stand in their series; undefined for what is no DICOM, belongs to none or cannot be read */
  places: { ask: { readonly files: readonly Blob[] }; answer: readonly (SlicePlace | undefined)[] };
  look: { ask: Omit<ImageRef, "id">; answer: Looked };
  /** the bytes that may be sent: the file of an ordinary image, the pixels shown (PNG) of DICOM, volumes and TIFF */
  sendable: { ask: Omit<ImageRef, "id">; answer: Sendable };
  view: { ask: Omit<ImageRef, "id">; answer: View };
  occlude: { ask: Omit<ImageRef, "id"> & { readonly className: string; readonly grid: number }; answer: OcclusionMap };
  learn: { ask: LearnChoices; answer: Learned };
  memory: { ask: Record<never, never>; answer: Memory };
  clear: { ask: Record<never, never>; answer: { readonly cleared: number } };
}

export type RequestName = keyof Requests;

export interface DeviceState {
  readonly device: string;
  readonly precision: string;
  readonly detail: string;
  readonly canLearn: boolean;
}

export interface Opened extends DeviceState {
  readonly model: { readonly name: string; readonly digest: string; readonly imageSize: number };
  readonly passedOver: readonly { readonly name: string; readonly reason: string }[];
  readonly datasets: readonly KnownDataset[];
  /** windows of DICOM by name, center and width in HU */
  readonly windows: Readonly<Record<string, { readonly center: number; readonly width: number }>>;
  /** why kept files go with the tab, where they do */
  readonly memoryOnly?: string;
  /** bytes that had to be downloaded: 0 when all of the model was kept here */
  readonly downloaded: number;
}

/** A data set whose classes and attribute phrases come with the page. */
export interface KnownDataset {
  readonly name: string;
  readonly modality: string;
  readonly classes: readonly string[];
  /** makes a sentence of "{class}" and "{attribute}" */
  readonly template: string;
  /** [C][M] */
  readonly attributes: readonly (readonly string[])[];
}

export interface Prepared {
  readonly classes: readonly string[];
  /** [C][M] of a data set's classes */
  readonly sentences?: readonly (readonly string[])[];
  readonly prompts: readonly string[];
  /** K */
  readonly kept: number;
  readonly recipe: string;
  readonly digest: string;
  /** of DICOM: the window that its images were learned in, where it keeps one */
  readonly window?: string;
  /** of volumes: the plane that its images were cut along, where it keeps one */
  readonly plane?: PlaneName;
  /** of other grey of more than 8 bits: the range that its images were shown in, where it keeps one */
  readonly range?: string;
  /** whether ultrasound was cropped to its region when it was learned */
  readonly ultrasoundRegion?: true;
  /** whether other class names may be asked of it */
  readonly openSet: boolean;
  /** who answers, where it is not this page */
  readonly answerer?: Answerer;
}

/** RGB bytes [size,size,3]: what the model sees of an image. */
export interface Picture {
  readonly size: number;
  readonly rgb: Uint8Array;
}

/** What the model sees of an image, and what its file says of itself. */
export interface Looked extends Picture {
  readonly dicom?: DicomFacts;
  readonly slice?: SliceFacts;
  readonly page?: PageFacts;
  /** whether a range changes what is shown */
  readonly ranged: boolean;
  readonly notes: readonly string[];
}

/** What of an image may leave the page. */
export interface Sendable {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** whether it is a picture of the pixels shown in place of the file */
  readonly pixelsOnly: boolean;
}

/** A whole picture for the screen: RGB bytes [height,width,3]. */
export interface View {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
  /** the image's own size in pixels */
  readonly whole: { readonly width: number; readonly height: number };
  readonly format: string;
  readonly notes: readonly string[];
  readonly dicom?: DicomFacts;
  readonly slice?: SliceFacts;
  readonly page?: PageFacts;
  readonly ranged: boolean;
}

export type ImageAnswer =
  | { readonly id: number; readonly ok: true; readonly answer: Classification; readonly picture?: Looked }
  | { readonly id: number; readonly ok: false; readonly error: Failure };

export interface OcclusionMap {
  readonly picture: Picture;
  readonly grid: number;
  /** probability of the class with nothing covered */
  readonly probability: number;
  /** [grid·grid] how much it falls when the cell is covered */
  readonly drops: Float32Array;
}

export interface Learned {
  readonly bytes: Uint8Array;
  readonly digest: string;
  readonly seconds: number;
  readonly resumedFrom: number;
  /** on images not learned from; absent where all were */
  readonly measured?: LearningReport;
}

export interface Memory {
  /** bytes this origin keeps on the disk */
  readonly stored?: number;
  readonly free?: number;
  readonly persistent: boolean;
}

export interface Failure {
  readonly code: string;
  readonly message: string;
  /** an image that a range would make readable */
  readonly asksRange?: true;
  /** an image that names no ultrasound region where one is asked for */
  readonly asksWhole?: true;
}

/** How far a request is. */
export type Progress =
  | { readonly kind: "bytes" | "images" | "views" | "cells"; readonly done: number; readonly total: number }
  | { readonly kind: "note"; readonly text: string }
  | {
      readonly kind: "step";
      readonly epoch: number;
      readonly epochs: number;
      readonly step: number;
      readonly steps: number;
      readonly loss: number;
      readonly accuracy: number;
    };

export type ToEngine =
  | { readonly [N in RequestName]: { readonly id: number; readonly name: N; readonly ask: Requests[N]["ask"] } }[RequestName]
  | { readonly id: number; readonly name: "stop" };

export type FromEngine =
  | { readonly id: number; readonly type: "answer"; readonly answer: unknown }
  | { readonly id: number; readonly type: "failed"; readonly failure: Failure }
  | { readonly id: number; readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "device"; readonly state: DeviceState; readonly change: DeviceChange };
