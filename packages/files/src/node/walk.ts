// Image files below a folder: the one walk that every command takes, with the one table of what is taken and what is left out.
// Found in one order on every machine; what is left out is counted by reason, not guessed at. Content is looked at only where a name says
// nothing: archives export DICOM under bare numbers, and under endings of their own.

import type { Dirent } from "node:fs";
import { open, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { counted } from "../counted.js";
import { FilesError } from "../errors.js";
import { fileFailure } from "../file-failure.js";
import { IMAGE_ENDINGS } from "../image-kinds.js";
import { pictureOfMask } from "../mask-name.js";
import { byCodeUnit } from "../order.js";

/** Images of kinds that are not read, by their endings: they are counted by name, so that nobody takes them for read. */
const OTHER_IMAGES: readonly (readonly [RegExp, string])[] = [
  [/\.jp[xm]$/, "JPEG 2000 of several layers"],
  [/\.jxl$/, "JPEG XL"],
  [/\.(?:avif|heic|heif)$/, "AVIF or HEIC"],
  [/\.(?:svs|ndpi|mrxs|scn)$/, "slide"],
  [/\.mh[ad]$/, "MetaImage"],
];

const NO_IMAGE = "not an image";
/** Endings of what often lies beside images: their content is not looked at. */
const BESIDE_IMAGES =
  /\.(?:txt|csv|tsv|json|jsonl|xml|ya?ml|toml|ini|md|html?|css|js|py|sh|log|pdf|docx?|xlsx?|zip|gz|tar|7z|np[yz]|mat|h5|pkl|pth?|safetensors|parquet|db)$/;

/** Why a file is left out by its name; undefined where it is taken, "look" where only its content says. */
export function leftOutByName(name: string): string | undefined {
  if (name === "DICOMDIR") return "DICOM index";
  const lower = name.toLowerCase();
  if (IMAGE_ENDINGS.some((ending) => lower.endsWith(ending))) return undefined;
  // "IM000001", "1.2.840.10008.55": no ending that means anything
  if (!/\.[a-z][a-z0-9]*$/.test(lower)) return "look";
  return OTHER_IMAGES.find(([pattern]) => pattern.test(lower))?.[1] ?? NO_IMAGE;
}

/** Whether a file begins as DICOM files do. What cannot be read is none. */
async function startsAsDicom(path: string): Promise<boolean> {
  try {
    const file = await open(path, "r");
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 128);
      return bytesRead === 4 && buffer.toString("latin1") === "DICM";
    } finally {
      await file.close();
    }
  } catch {
    return false;
  }
}

/** Names that are not entered and not taken: dotted ones, and what macOS puts beside the files of an archive. */
const isHidden = (name: string) => name.startsWith(".") || name === "__MACOSX";

/** Bounds of a walk. */
export interface WalkOptions {
  readonly signal?: AbortSignal | undefined;
  /** Default 2 000 000; more are refused. */
  readonly maxFiles?: number;
  /** Folders below the folder. Default 32; deeper ones are left out. */
  readonly maxDepth?: number;
}

/** The images that a walk found, and what it left out. */
export interface FoundImages {
  /** relative paths with forward slashes, by code units */
  readonly paths: readonly string[];
  /** how many entries were left out, by reason */
  readonly leftOut: ReadonlyMap<string, number>;
}

/**
 * Image files below `folder`. Links are followed, a folder is visited once whatever leads to it.
 * @throws FilesError `too_large` for more than `maxFiles`, or as `fileFailure` says for the folder itself; the signal's reason when aborted
 */
export async function findImages(folder: string, options: WalkOptions = {}): Promise<FoundImages> {
  const { maxFiles = 2_000_000 } = options;
  const paths: string[] = [];
  const leftOut = new Map<string, number>();
  for await (const path of walkImages(folder, leftOut, options)) {
    if (paths.push(path) > maxFiles)
      throw new FilesError("too_large", `image folder — expected at most ${maxFiles} images, got more. Name a folder further down.`);
  }
  return { paths, leftOut };
}

/**
 * What `findImages` finds, one path after the other, by code units: as many as there are, with one folder's names held at a time.
 * @param leftOut counts what is left out, by reason, as the walk goes
 * @throws as `fileFailure` says for the folder itself; the signal's reason when aborted
 */
export async function* walkImages(
  folder: string,
  leftOut: Map<string, number>,
  { maxDepth = 32, signal }: Omit<WalkOptions, "maxFiles"> = {},
): AsyncGenerator<string, void, undefined> {
  const leave = (reason: string): void => void leftOut.set(reason, (leftOut.get(reason) ?? 0) + 1);
  const visited = new Set<string>();
  async function* visit(relative: string, depth: number): AsyncGenerator<string, void, undefined> {
    const entries = await entriesOf(folder, relative, visited, leave);
    if (typeof entries === "string") return leave(entries);
    const images = new Set(entries.filter(({ isFolder }) => !isFolder).map(({ name }) => name));
    for (const { name, isFolder } of entries) {
      signal?.throwIfAborted();
      const path = relative === "" ? name : `${relative}/${name}`;
      if (!isFolder) {
        const picture = pictureOfMask(name);
        if (picture !== undefined && images.has(picture)) leave("mask");
        else yield path;
      } else if (depth < maxDepth) yield* visit(path, depth + 1);
      else leave("folder too deep");
    }
  }
  yield* visit("", 0);
}

/** Reasons that are another word for several. */
const SEVERAL: ReadonlyMap<string, string> = new Map([
  ["mask", "masks"],
  ["slide", "slides"],
  ["MetaImage", "MetaImages"],
  ["DICOM index", "DICOM indexes"],
  ["not an image", "not images"],
  ["not a file", "not files"],
  ["broken link", "broken links"],
  ["folder too deep", "folders too deep"],
  ["folder visited before", "folders visited before"],
  ["unreadable folder", "unreadable folders"],
]);

/** "left out: 3 hidden, 1 mask", or undefined where nothing was. */
export function leftOutNote(leftOut: ReadonlyMap<string, number>): string | undefined {
  if (leftOut.size === 0) return undefined;
  return `left out: ${[...leftOut].map(([reason, count]) => counted(count, reason, SEVERAL.get(reason) ?? reason)).join(", ")}`;
}

/** The second file of a volume in two, which comes in with its first. */
function isVoxels(name: string, beside: ReadonlySet<string>): boolean {
  const lower = name.toLowerCase();
  return lower.endsWith(".img") && beside.has(`${lower.slice(0, -4)}.hdr`);
}

/** An image file, or a folder to look into. */
interface Entry {
  readonly name: string;
  readonly isFolder: boolean;
}

/** Images and folders of a folder, so that their paths come by code units; what else there is is left out. Or why the folder itself is left out. */
async function entriesOf(
  folder: string,
  relative: string,
  visited: Set<string>,
  leave: (reason: string) => void,
): Promise<Entry[] | string> {
  const here = join(folder, relative);
  let found: Dirent[];
  try {
    const real = await realpath(here);
    if (visited.has(real)) return "folder visited before";
    visited.add(real);
    found = await readdir(here, { withFileTypes: true });
  } catch (error) {
    if (relative === "") throw fileFailure(error, "reading the image folder");
    return "unreadable folder";
  }
  const entries: Entry[] = [];
  const names = new Set(found.map(({ name }) => name.toLowerCase()));
  for (const entry of found) {
    const { name } = entry;
    const kind = entry.isSymbolicLink() ? await stat(join(here, name)).catch(() => undefined) : entry;
    if (isHidden(name)) leave("hidden");
    else if (kind === undefined) leave("broken link");
    else if (kind.isDirectory()) entries.push({ name, isFolder: true });
    else if (kind.isFile() && isVoxels(name, names)) leave("voxels of a header beside them");
    else {
      let why = kind.isFile() ? leftOutByName(name) : "not a file";
      if (why === "look" || (why === NO_IMAGE && !BESIDE_IMAGES.test(name.toLowerCase())))
        why = (await startsAsDicom(join(here, name))) ? undefined : NO_IMAGE;
      if (why === undefined) entries.push({ name, isFolder: false });
      else leave(why);
    }
  }
  // below a folder every path has a slash after its name
  const place = ({ name, isFolder }: Entry) => (isFolder ? `${name}/` : name);
  return entries.sort((a, b) => byCodeUnit(place(a), place(b)));
}
