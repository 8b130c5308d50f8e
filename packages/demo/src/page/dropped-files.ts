// Files that a person dropped or picked, with the folders they lie in. Folders are walked; what is no image there is left out, by the rules of
// the command line's walk: by ending, by DICOM's mark, masks beside their picture, DICOM objects that are no picture by their SOP class.

import { counted, isImageName, pictureOfMask } from "@biovlm/files";
import { withoutPicture } from "@biovlm/imaging";

/** A file and where it lay: "" for the top, else the folder's path. */
export interface PickedFile {
  readonly file: File;
  readonly folder: string;
}

/** More than this at once is refused: a page is no place for a million files. */
export const MOST_FILES = 20_000;

/** Kinds that are another word for several. */
const SEVERAL = new Map([
  ["mask", "masks"],
  ["DICOM index", "DICOM indexes"],
]);

/** What was left out of folders: how many files of each kind, by their endings. */
export class LeftOut {
  private readonly kinds = new Map<string, number>();

  count(name: string): void {
    const [, ending] = /\.([a-z][a-z0-9]{0,7}(?:\.gz)?)$/i.exec(name) ?? [];
    this.add(name === "DICOMDIR" ? "DICOM index" : ending === undefined ? "without an ending" : ending.toUpperCase());
  }

  /** Counts one of a kind that is no ending: "mask", "a structured report". */
  add(kind: string): void {
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
  }

  /** "3 MHA, 1 TXT", the most first; "" where nothing was. */
  get text(): string {
    const kinds = [...this.kinds].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
    return kinds
      .map(([kind, count]) => (/^an? /.test(kind) ? `${count} × ${kind}` : counted(count, kind, SEVERAL.get(kind) ?? kind)))
      .join(", ");
  }
}

/** Files picked by an <input>. With folders, only images that are not hidden; others are counted. */
export async function pickedFiles(list: Iterable<File>, left = new LeftOut()): Promise<PickedFile[]> {
  const picked: PickedFile[] = [];
  for (const file of list) {
    const path = file.webkitRelativePath;
    if (path === "") picked.push({ file, folder: "" });
    else if (await wanted(file, left)) picked.push({ file, folder: path.split("/").slice(0, -1).join("/") });
  }
  return withoutMasks(picked, left);
}

/** Files of a drop; call it within the event. */
export async function droppedFiles(transfer: DataTransfer, left = new LeftOut()): Promise<PickedFile[]> {
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry?.() ?? undefined);
  const files = Array.from(transfer.files);
  const found: PickedFile[] = [];
  for (const entry of entries) if (entry !== undefined) await walk(entry, "", { found, left }, true);
  // drops that were made by a script have files and no entries
  const walked = found.length > 0 || entries.some((e) => e !== undefined);
  return walked ? withoutMasks(found, left) : files.map((file) => ({ file, folder: "" }));
}

/** Files of folders without the masks that lie beside their picture; a file that was named by itself stays. */
function withoutMasks(files: readonly PickedFile[], left: LeftOut): PickedFile[] {
  const there = new Set(files.map(({ file, folder }) => `${folder}/${file.name}`));
  return files.filter(({ file, folder }) => {
    const picture = folder === "" ? undefined : pictureOfMask(file.name);
    const mask = picture !== undefined && there.has(`${folder}/${picture}`);
    if (mask) left.add("mask");
    return !mask;
  });
}

interface Walked {
  readonly found: PickedFile[];
  readonly left: LeftOut;
}

async function walk(entry: FileSystemEntry, folder: string, walked: Walked, named: boolean): Promise<void> {
  const { found, left } = walked;
  if (found.length >= MOST_FILES) return;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)).catch(() => undefined);
    if (file !== undefined && (named || (await wanted(file, left)))) found.push({ file, folder });
    return;
  }
  if (entry.name.startsWith(".")) return;
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject)).catch(() => []);
    if (some.length === 0) return;
    for (const inner of some) await walk(inner, path, walked, false);
  }
}

/** By its ending; where that is none of an image, by DICOM's mark in the content: archives write files without endings, and under their own. */
async function wanted(file: File, left: LeftOut): Promise<boolean> {
  if (file.name.startsWith(".")) {
    left.add("hidden");
    return false;
  }
  const named = isImageName(file.name);
  const head = (named ? DICOM_NAME.test(file.name) : file.name !== "DICOMDIR") ? await headOf(file) : "";
  const dicom = head.slice(128, 132) === "DICM";
  if (!named && !dicom) {
    left.count(file.name);
    return false;
  }
  const other = dicom ? withoutPicture(sopClass(head)) : undefined;
  if (other !== undefined) left.add(other);
  return other === undefined;
}

const DICOM_NAME = /\.(dcm|dicom|ima)$/i;
/** Bytes from the start of a file that hold group 0002. */
const HEAD_BYTES = 1024;

/** The first bytes of a file, a letter each; "" where it cannot be read. */
async function headOf(file: File): Promise<string> {
  const bytes = await file
    .slice(0, HEAD_BYTES)
    .arrayBuffer()
    .catch(() => new ArrayBuffer(0));
  return String.fromCharCode(...new Uint8Array(bytes));
}

/** Media Storage SOP Class UID (0002,0002) of a file's head; "" where it has none: such a file is asked where it is decoded. */
function sopClass(head: string): string {
  const at = head.indexOf("\x02\x00\x02\x00UI", 132);
  if (at < 0) return "";
  const length = head.charCodeAt(at + 6) + 256 * head.charCodeAt(at + 7);
  return head.slice(at + 8, at + 8 + length).replace(/\0+$/, "");
}
