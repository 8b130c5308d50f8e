// Files that a person dropped or picked, with the folders they lie in. Folders are walked; what is no image there is left out.

/** A file and where it lay: "" for the top, else the folder's path. */
export interface PickedFile {
  readonly file: File;
  readonly folder: string;
}

/** More than this at once is refused: a page is no place for a million files. */
export const MOST_FILES = 20_000;

const IMAGE = /\.(png|jpe?g|webp|tiff?)$/i;

/** Files picked by an <input>. With folders, only images that are not hidden. */
export function pickedFiles(list: Iterable<File>): PickedFile[] {
  const picked: PickedFile[] = [];
  for (const file of list) {
    const path = file.webkitRelativePath;
    if (path === "") picked.push({ file, folder: "" });
    else if (wanted(file.name)) picked.push({ file, folder: path.split("/").slice(0, -1).join("/") });
  }
  return picked;
}

/** Files of a drop; call it within the event. */
export async function droppedFiles(transfer: DataTransfer): Promise<PickedFile[]> {
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry?.() ?? undefined);
  const files = Array.from(transfer.files);
  const found: PickedFile[] = [];
  for (const entry of entries) if (entry !== undefined) await walk(entry, "", found, true);
  // drops that were made by a script have files and no entries
  return found.length > 0 || entries.some((e) => e !== undefined) ? found : files.map((file) => ({ file, folder: "" }));
}

async function walk(entry: FileSystemEntry, folder: string, found: PickedFile[], named: boolean): Promise<void> {
  if (found.length >= MOST_FILES) return;
  if (entry.isFile) {
    if (!named && !wanted(entry.name)) return;
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)).catch(() => undefined);
    if (file !== undefined) found.push({ file, folder });
    return;
  }
  if (entry.name.startsWith(".")) return;
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject)).catch(() => []);
    if (some.length === 0) return;
    for (const inner of some) await walk(inner, path, found, false);
  }
}

function wanted(name: string): boolean {
  return !name.startsWith(".") && IMAGE.test(name);
}
