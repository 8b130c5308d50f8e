// Files that a person dropped or picked, with the folders they lie in. Folders are walked; what is no image there is left out.

/** A file and where it lay: "" for the top, else the folder's path. */
export interface PickedFile {
  readonly file: File;
  readonly folder: string;
}

/** More than this at once is refused: a page is no place for a million files. */
export const MOST_FILES = 20_000;

const IMAGE = /\.(png|jpe?g|jpe|jfif|webp|tiff?|bmp|dib|gif|p[bgpna]m|jp2|j2k|j2c|jpc|dcm|dicom|ima|nii|nii\.gz|nrrd)$/i;

/** What was left out of folders: how many files of each kind, by their endings. */
export class LeftOut {
  private readonly kinds = new Map<string, number>();

  count(name: string): void {
    const [, ending] = /\.([a-z][a-z0-9]{0,7}(?:\.gz)?)$/i.exec(name) ?? [];
    const kind = name === "DICOMDIR" ? "DICOM index" : ending === undefined ? "without an ending" : ending.toUpperCase();
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
  }

  /** Whether TIFF is among it. */
  get tiff(): boolean {
    return this.kinds.has("TIF") || this.kinds.has("TIFF");
  }

  /** "3 MHA, 1 TXT", the most first; "" where nothing was. */
  get text(): string {
    const kinds = [...this.kinds].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
    return kinds.map(([kind, count]) => `${count} ${kind}`).join(", ");
  }
}

/** What browsers do not read, told by its ending; under another name it is refused where it is decoded. */
const UNREAD = /\.tiff?$/i;

/** Files that this page can read, also of those picked one by one: TIFF is counted among what is left out, and so refused once. */
export function readable(files: readonly PickedFile[], left: LeftOut): readonly PickedFile[] {
  return files.filter(({ file }) => {
    const unread = UNREAD.test(file.name);
    if (unread) left.count(file.name);
    return !unread;
  });
}

/** Files picked by an <input>. With folders, only images that are not hidden; others are counted. */
export async function pickedFiles(list: Iterable<File>, left = new LeftOut()): Promise<PickedFile[]> {
  const picked: PickedFile[] = [];
  for (const file of list) {
    const path = file.webkitRelativePath;
    if (path === "") picked.push({ file, folder: "" });
    else if (await wanted(file, left)) picked.push({ file, folder: path.split("/").slice(0, -1).join("/") });
  }
  return picked;
}

/** Files of a drop; call it within the event. */
export async function droppedFiles(transfer: DataTransfer, left = new LeftOut()): Promise<PickedFile[]> {
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry?.() ?? undefined);
  const files = Array.from(transfer.files);
  const found: PickedFile[] = [];
  for (const entry of entries) if (entry !== undefined) await walk(entry, "", { found, left }, true);
  // drops that were made by a script have files and no entries
  return found.length > 0 || entries.some((e) => e !== undefined) ? found : files.map((file) => ({ file, folder: "" }));
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

/** By its ending; where that says nothing, by DICOM's mark in the content: archives write files without endings. */
async function wanted(file: File, left: LeftOut): Promise<boolean> {
  if (file.name.startsWith(".")) return false;
  if (IMAGE.test(file.name)) return true;
  const own = /\.[a-z][a-z0-9]{0,7}$/i.test(file.name) || file.name === "DICOMDIR";
  if (!own && (await isDicom(file))) return true;
  left.count(file.name);
  return false;
}

async function isDicom(file: File): Promise<boolean> {
  const mark = await file
    .slice(128, 132)
    .text()
    .catch(() => "");
  return mark === "DICM";
}
