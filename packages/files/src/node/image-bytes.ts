// The bytes of an image that may lie in two files: NIfTI as .hdr and .img, NRRD as .nhdr and the file that it names. Both become the bytes of
// one file, so that nobody behind this has to know; what they mean is the decoder's to say. A name in a header is hostile: no path is followed.

import { basename, dirname, join } from "node:path";
import { FilesError } from "../errors.js";
import { readFileWithin } from "./read-file.js";

/** Longest header of NRRD: what of a header's beginning says where its voxels are. */
export const MAX_HEADER_BYTES = 256 * 1024;
/** A name beside the header: no separator, no drive, no pattern of several files. */
const PLAIN_NAME = /^[A-Za-z0-9_][A-Za-z0-9._ +()-]{0,199}$/;

/**
 * All bytes of an image file, with those of the file that holds its voxels where it is a header alone: of at most `maxBytes` together.
 * @param admit told the size of each of the files before it is read, and waited for
 * @throws FilesError as `readFileWithin` does, also for the second file; `bad_path` where a header names no plain file beside it
 */
export async function readImageWithin(
  path: string,
  maxBytes: number,
  what: string = path,
  admit?: (size: number) => Promise<unknown>,
): Promise<Uint8Array> {
  const header = await readFileWithin(path, maxBytes, what, admit);
  return withVoxels(basename(path), header, what, (name) =>
    readFileWithin(join(dirname(path), name), maxBytes - header.length, `the voxels of ${what}`, admit),
  );
}

/** Whether a file of this name may be a header whose voxels lie in another file. */
export const mayNameVoxels = (name: string): boolean => /\.n?hdr$/i.test(name);

/**
 * The plain name of the file beside a header that holds its voxels; undefined of a file that is no such header, and of one that names no plain file.
 * @param name of the header, without its folder
 * @param header its first MAX_HEADER_BYTES bytes, or all of a shorter one
 */
export function voxelsName(name: string, header: Uint8Array): string | undefined {
  if (/\.hdr$/i.test(name)) return niftiVersion(header) === undefined ? undefined : imageName(name);
  const named = /\.nhdr$/i.test(name) ? nrrdParts(header)?.name : undefined;
  return named !== undefined && PLAIN_NAME.test(named) ? named : undefined;
}

/**
 * The bytes of an image as one file, wherever it lies: as they are, or of a header alone with its voxels.
 * @param name of the file, without its folder
 * @param beside reads another file of the same folder, by a plain name
 * @throws FilesError `bad_path` where a header names no plain file beside it; as `beside` does
 */
export async function withVoxels(
  name: string,
  header: Uint8Array,
  what: string,
  beside: (name: string) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  if (/\.hdr$/i.test(name)) {
    const version = niftiVersion(header);
    return version === undefined ? header : joinedNifti(header, version, await beside(imageName(name)));
  }
  if (/\.nhdr$/i.test(name)) {
    const parts = nrrdParts(header);
    if (parts === undefined) return header;
    if (!PLAIN_NAME.test(parts.name))
      throw new FilesError(
        "bad_path",
        `${what} — expected NRRD to name one plain file beside its header, got another place, a list or a pattern. Save it as .nrrd, header and voxels in one file.`,
      );
    return Buffer.concat([parts.before, parts.after, await beside(parts.name)]);
  }
  return header;
}

/** "Brain.HDR" → "Brain.IMG". */
function imageName(name: string): string {
  const ending = name.slice(-3);
  return `${name.slice(0, -3)}${ending === ending.toUpperCase() ? "IMG" : "img"}`;
}

const has = (bytes: Uint8Array, at: number, text: string) => Buffer.from(bytes.subarray(at, at + text.length)).equals(Buffer.from(text));

/** The version of a header of a NIfTI pair; undefined of what is none, such as Analyze. */
function niftiVersion(header: Uint8Array): 1 | 2 | undefined {
  if (header.length >= 348 && has(header, 344, "ni1\0")) return 1;
  return header.length >= 540 && has(header, 4, "ni2\0") ? 2 : undefined;
}

/** As one file: its magic, no extensions, and the voxels where one file has them. */
function joinedNifti(header: Uint8Array, version: 1 | 2, image: Uint8Array): Uint8Array {
  const [size, start] = version === 1 ? [348, 352] : [540, 544];
  const out = Buffer.alloc(start);
  out.set(header.subarray(0, size));
  const view = new DataView(out.buffer, out.byteOffset, out.length);
  const little = view.getInt32(0, true) === size;
  const offset = version === 1 ? view.getFloat32(108, little) : Number(view.getBigInt64(168, little));
  out.write("+", version === 1 ? 345 : 5, "latin1");
  if (version === 1) view.setFloat32(108, start, little);
  else view.setBigInt64(168, BigInt(start), little);
  // an offset that is none, or beyond the voxels, leaves none of them: the decoder says that they end early
  const from = Number.isSafeInteger(offset) && offset >= 0 ? offset : image.length;
  return Buffer.concat([out, image.subarray(from)]);
}

/** A header's text around its line that names the file of its voxels, and that name; undefined where it has none. */
function nrrdParts(header: Uint8Array): { readonly before: Uint8Array; readonly after: Uint8Array; readonly name: string } | undefined {
  const text = Buffer.from(header.subarray(0, MAX_HEADER_BYTES)).toString("latin1");
  const blank = /\r?\n\r?\n/.exec(text);
  const lines = blank === null ? text : text.slice(0, blank.index + blank[0].length);
  const line = /^data ?file: *([^\r\n]*)\r?(?:\n|$)/im.exec(lines);
  if (line === null) return undefined;
  const rest = lines.slice(line.index + line[0].length);
  // a header without its voxels may end without an empty line
  const end = blank !== null ? "" : rest === "" || rest.endsWith("\n") ? "\n" : "\n\n";
  return { before: header.subarray(0, line.index), after: Buffer.from(rest + end, "latin1"), name: (line[1] ?? "").trim() };
}
