// DICOM files of one series as one: put in anatomical order by the same code as the command line's --volumes, shown as one tile with a slice in
// front. Localisers and doubles stand for themselves, beside it. What tells series apart stays in memory and is shown to nobody.

import { mayBeDicom } from "@biovlm/files";
import { orderedSeries, type SlicePlace } from "@biovlm/imaging";
import type { EngineClient } from "../engine/engine-client.js";
import type { ImageItem } from "./image-item.js";

/** Slices that stand for one tile. */
export interface Series {
  /** in anatomical order, two at least */
  readonly slices: readonly ImageItem[];
  /** what a reader should know: gaps, doubles, localisers */
  readonly notes: readonly string[];
  /** the slice in front: the middle one, until another is looked at */
  front: ImageItem;
}

/** Files whose headers are read in one request. */
const AT_ONCE = 16;

export class SeriesBook {
  private readonly places = new WeakMap<ImageItem, SlicePlace | "none">();
  private readonly reading = new Set<ImageItem>();
  private byUid = new Map<string, Series>();
  private byImage = new Map<ImageItem, Series>();

  /** The series that an image is a slice of. */
  of(image: ImageItem | undefined): Series | undefined {
    return image === undefined ? undefined : this.byImage.get(image);
  }

  /** The slices that go with an image, itself among them; itself alone where it belongs to none. */
  together(image: ImageItem): readonly ImageItem[] {
    return this.of(image)?.slices ?? [image];
  }

  /** Where an image stands in its series, as answers say it. */
  placeOf(image: ImageItem): { readonly volume?: { readonly number: number; readonly slice: number; readonly slices: number } } {
    const series = this.of(image);
    if (series === undefined) return {};
    const { slices } = series;
    return { volume: { number: this.all.indexOf(series) + 1, slice: slices.indexOf(image) + 1, slices: slices.length } };
  }

  get all(): readonly Series[] {
    return [...this.byUid.values()];
  }

  /** One image for each tile: of a series the slice in front, or the first of those that are there; none whose header is being read. */
  standing(images: readonly ImageItem[]): ImageItem[] {
    const there = new Set(images);
    const seen = new Set<Series>();
    return images.flatMap((image) => {
      if (this.reading.has(image)) return [];
      const series = this.of(image);
      if (series === undefined) return [image];
      if (seen.has(series)) return [];
      seen.add(series);
      return [there.has(series.front) ? series.front : image];
    });
  }

  /** Brings a slice to the front of its series. */
  show(image: ImageItem | undefined): void {
    const series = this.of(image);
    if (series !== undefined && image !== undefined) series.front = image;
  }

  /** Reads the headers that have not been read; answers whether there were any. `began` is called before the first one. */
  async read(images: readonly ImageItem[], engine: EngineClient): Promise<boolean> {
    const unread = images.filter((image) => !this.places.has(image) && !this.reading.has(image) && mayBeDicom(image.name));
    if (unread.length === 0) return false;
    for (const image of unread) this.reading.add(image);
    try {
      for (let at = 0; at < unread.length; at += AT_ONCE) {
        const batch = unread.slice(at, at + AT_ONCE);
        const places = await engine.ask("places", { files: batch.map(({ file }) => file) });
        for (const [i, image] of batch.entries()) this.places.set(image, places[i] ?? "none");
      }
    } finally {
      // an engine that ended is followed by another, which is asked again
      for (const image of unread) this.reading.delete(image);
    }
    return true;
  }

  /** Groups images by what was read of them. */
  group(images: readonly ImageItem[]): void {
    const before = this.byUid;
    this.byUid = new Map();
    this.byImage = new Map();
    const places = images.map((image) => {
      const place = this.places.get(image);
      return place === "none" ? undefined : place;
    });
    for (const { slices, notes } of orderedSeries(places)) {
      const own = slices.flatMap((index) => images[index] ?? []);
      const uid = places[slices[0] ?? -1]?.series;
      const middle = own[Math.floor(own.length / 2)];
      if (uid === undefined || middle === undefined || own.length < 2) continue;
      const front = before.get(uid)?.front;
      const series: Series = { slices: own, notes, front: front !== undefined && own.includes(front) ? front : middle };
      this.byUid.set(uid, series);
      for (const image of own) this.byImage.set(image, series);
    }
  }
}
