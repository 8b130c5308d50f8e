// The pages of a TIFF: directories that are images of their own, and a copy of the file for each that begins with it, so that what reads a file's
// first image reads any page, within the same limits.

import { ByteView } from "../headers/byte-view.js";
import { type Directory, type DirectoryAt, directoriesOf, isPage, type Layout, layout } from "../headers/tiff-directory.js";

const TAG = { width: 256, height: 257, tileWidth: 322, ndpi: 65_420 } as const;

/** Pages of a file, in its order. */
export interface TiffPages {
  readonly count: number;
  /** The file as if page `index`, counted from 0, were all of it: a copy. */
  only(index: number): Uint8Array;
}

/**
 * The pages of a TIFF that is in memory; undefined where its first directory is its only page, and of a slide, whose directories are one image in
 * several sizes.
 * @throws ImagingError `corrupt_image` of a chain that is cut off, forms a loop or says nonsense; `too_many_frames` past 10 000
 */
export function tiffPages(bytes: Uint8Array): TiffPages | undefined {
  const file = layout(new ByteView(bytes, "TIFF"));
  const all = [...directoriesOf(new ByteView(bytes, "TIFF"), file)];
  const pages = all.filter(({ directory }) => isPage(directory));
  const [first] = pages;
  if (first === undefined || (pages.length === 1 && first.at === file.first) || isSlide(pages)) return undefined;
  return {
    count: pages.length,
    only(index) {
      const page = pages[index];
      if (page === undefined) throw new RangeError(`page ${index} of ${pages.length}`);
      const copy = bytes.slice();
      put(copy, file, file.big ? 8 : 4, page.at);
      put(copy, file, page.directory.nextAt, 0);
      return copy;
    },
  };
}

/** Levels of a pyramid that are not marked as such: tiles, and further directories of other sizes; or what Hamamatsu's scanners write. */
function isSlide([first, ...others]: readonly DirectoryAt[]): boolean {
  if (first === undefined || others.length === 0) return false;
  if (first.directory.entry(TAG.ndpi) !== undefined) return true;
  const sizeOf = (directory: Directory) => `${directory.value(TAG.width)}×${directory.value(TAG.height)}`;
  const size = sizeOf(first.directory);
  return first.directory.entry(TAG.tileWidth) !== undefined && others.some(({ directory }) => sizeOf(directory) !== size);
}

function put(bytes: Uint8Array, { big, little }: Layout, at: number, value: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (big) view.setBigUint64(at, BigInt(value), little);
  else view.setUint32(at, value, little);
}
