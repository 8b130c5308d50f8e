// Image files to pixels within the page's time: what the model is given, and the whole picture as people look at it. DICOM and volumes are shown
// in the window, frame and plane that were asked for; the file that is looked at stays open, so that a window that is dragged and a volume that
// is gone through slice by slice are not read again each time.

import {
  browserDecoder,
  type DecodeOptions,
  type ImageStack,
  parseRange,
  parseWindow,
  readImageInfo,
  readSlicePlace,
  type SlicePlace,
  sliceNotes,
} from "@biovlm/imaging";
import { pageCodecs } from "./page-codecs.js";
import type { ImageRef, Sendable, View } from "./protocol.js";
import { shownPng } from "./shown-png.js";

const LIMITS = { timeoutMs: 20_000, maxBytes: 64 * 1024 * 1024, maxPixels: 64_000_000 } as const;
/** Pixels of a picture's longer side on the screen. */
const LONGEST = 640;

export type Shown = Omit<ImageRef, "id">;

/** A file that is open, and whether a range changes what is shown of it. */
interface OpenFile {
  readonly stack: ImageStack;
  readonly ranged: boolean;
}

export class ImageDecoding {
  private readonly decoder;
  private looked: (Pick<Shown, "file" | "plane" | "range" | "ultrasoundRegion"> & { readonly open: Promise<OpenFile> }) | undefined;

  /** @param base the page's address, below which its codecs lie */
  constructor(base: string) {
    this.decoder = browserDecoder({ codecs: pageCodecs(base) });
  }

  /** An image's pixels, of DICOM the frame and window that were asked for, else the middle frame as the file says. @throws ImagingError */
  async pixels({ file, ...shown }: Shown) {
    // frames that are asked for by number come one after another
    if (shown.frame !== undefined) {
      const { stack, ranged } = await this.opened({ file, ...shown });
      return { ...(await frameOf(stack, shown)), ranged };
    }
    const bytes = new Uint8Array(await file.arrayBuffer());
    return { ...(await this.ofBytes(bytes, shown)), ranged: isRanged(bytes) };
  }

  /** The same of a file's bytes. */
  ofBytes(bytes: Uint8Array, shown: Omit<Shown, "file"> = {}) {
    return this.decoder.decode(bytes, optionsOf(shown));
  }

  /** What of an image may be sent: no header of DICOM, a volume or a TIFF is in it. What cannot be read here is not sent. @throws ImagingError */
  async sendable({ file, ...shown }: Shown): Promise<Sendable> {
    const { data, width, height, dicom, slice, format, ranged } = await this.pixels({ file, ...shown });
    // pages and values are chosen here, and tags of a TIFF may say who was in front of the camera; a server may be started with another range
    if (dicom === undefined && slice === undefined && format !== "tiff" && !ranged)
      return { bytes: new Uint8Array(await file.arrayBuffer()), pixelsOnly: false };
    return { bytes: await shownPng(data, width, height), pixelsOnly: true };
  }

  /** The whole picture, small enough for a screen. @throws ImagingError */
  async view({ file, ...shown }: Shown): Promise<View> {
    const { stack, ranged } = await this.opened({ file, ...shown });
    const { data, width, height, dicom, slice, page, notes = [] } = await frameOf(stack, shown);
    const step = Math.max(1, Math.max(width, height) / LONGEST);
    const size = { width: Math.max(1, Math.round(width / step)), height: Math.max(1, Math.round(height / step)) };
    return {
      ...size,
      rgb: smaller(data, width, height, size),
      whole: { width, height },
      ranged,
      format: stack.format,
      notes: slice === undefined ? notes : sliceNotes(slice),
      ...(dicom === undefined ? {} : { dicom }),
      ...(slice === undefined ? {} : { slice }),
      ...(page === undefined ? {} : { page }),
    };
  }

  /** Where files stand in their series. What cannot be read is said where it is looked at. */
  async places(files: readonly Blob[]): Promise<(SlicePlace | undefined)[]> {
    const places: (SlicePlace | undefined)[] = [];
    for (const file of files) {
      const large = file.size > LIMITS.maxBytes;
      places.push(large ? undefined : await readSlicePlace(new Uint8Array(await file.arrayBuffer())).catch(() => undefined));
    }
    return places;
  }

  private async opened({ file, plane, range, ultrasoundRegion }: Shown): Promise<OpenFile> {
    const { looked } = this;
    const same = looked?.file === file && looked.plane === plane && looked.range === range && looked.ultrasoundRegion === ultrasoundRegion;
    if (!same) {
      const shown = {
        ...(plane === undefined ? {} : { plane }),
        ...(range === undefined ? {} : { range }),
        ...(ultrasoundRegion === undefined ? {} : { ultrasoundRegion }),
      };
      const open = file.arrayBuffer().then(async (buffer) => {
        const bytes = new Uint8Array(buffer);
        return { stack: await this.decoder.open(bytes, optionsOf(shown)), ranged: isRanged(bytes) };
      });
      this.looked = { file, ...shown, open };
      // what cannot be read is read again when it is asked for again
      open.catch(() => {
        if (this.looked?.open === open) this.looked = undefined;
      });
    }
    return this.looked?.open as Promise<OpenFile>;
  }
}

/** Pages of a TIFF are no limit to what its first one says. */
const ANY = { range: { low: 0, high: 1 }, maxFrames: 10_000, maxBytes: LIMITS.maxBytes, maxPixels: LIMITS.maxPixels } as const;

/** Whether a file is grey of more than 8 bits, and neither DICOM nor a volume. */
function isRanged(bytes: Uint8Array): boolean {
  try {
    const { colour, bitDepth } = readImageInfo(bytes, ANY);
    return colour === "grey" && bitDepth > 8;
  } catch {
    return false;
  }
}

function optionsOf({ frame, window, plane, range, ultrasoundRegion }: Omit<Shown, "file">): DecodeOptions {
  const asked = window === undefined ? undefined : parseWindow(window);
  const values = range === undefined ? undefined : parseRange(range);
  return {
    ...LIMITS,
    ...(frame === undefined ? {} : { frame }),
    ...(asked === undefined ? {} : { window: asked }),
    ...(plane === undefined ? {} : { plane }),
    ...(values === undefined ? {} : { range: values }),
    ...(ultrasoundRegion === undefined ? {} : { ultrasoundRegion }),
  };
}

/** The frame that was asked for, else the middle one. */
function frameOf(stack: ImageStack, { frame, window }: Omit<Shown, "file">) {
  const index = frame ?? (stack.frames === 1 ? 0 : Math.floor(stack.frames / 2));
  return stack.frame(index, stack.windowed && window !== undefined ? { window: parseWindow(window) } : {});
}

/** Means over the source pixels of each pixel, [height,width,3]: for the eye alone, the model never sees it. */
function smaller(data: Uint8Array, width: number, height: number, to: { readonly width: number; readonly height: number }): Uint8Array {
  if (to.width === width && to.height === height) return data;
  const out = new Uint8Array(to.width * to.height * 3);
  for (let y = 0; y < to.height; y++) {
    const [top, bottom] = [
      Math.floor((y * height) / to.height),
      Math.max(Math.floor(((y + 1) * height) / to.height), Math.floor((y * height) / to.height) + 1),
    ];
    for (let x = 0; x < to.width; x++) {
      const [left, right] = [
        Math.floor((x * width) / to.width),
        Math.max(Math.floor(((x + 1) * width) / to.width), Math.floor((x * width) / to.width) + 1),
      ];
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let row = top; row < bottom; row++)
          for (let column = left; column < right; column++) sum += data[(row * width + column) * 3 + channel] ?? 0;
        out[(y * to.width + x) * 3 + channel] = Math.round(sum / ((bottom - top) * (right - left)));
      }
    }
  }
  return out;
}
