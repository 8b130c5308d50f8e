// Which images the gallery shows: all, or those that a person asked for elsewhere on the page. It is asked anew at every drawing, so that an image
// that is answered or labelled otherwise comes and goes.

import type { ImageItem } from "./image-item.js";

export class ImageFilter {
  /** what is shown, in a few words; "" where all are */
  text = "";
  private shows: ((image: ImageItem) => boolean) | undefined;

  set(text: string, shows: (image: ImageItem) => boolean): void {
    this.text = text;
    this.shows = shows;
  }

  clear(): void {
    this.text = "";
    this.shows = undefined;
  }

  /** Those of the images that are shown, in their order. */
  of(images: readonly ImageItem[]): readonly ImageItem[] {
    return this.shows === undefined ? images : images.filter(this.shows);
  }

  /** The shown image that follows one, which need not be shown itself; else the one before it. */
  beside(images: readonly ImageItem[], image: ImageItem): ImageItem | undefined {
    const at = images.indexOf(image);
    return this.of(images.slice(at + 1))[0] ?? this.of(images.slice(0, at)).at(-1);
  }
}
