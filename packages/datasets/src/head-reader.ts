// What a file says of itself, read from those files alone whose first bytes may say it.

import type { DatasetItem } from "./dataset.js";

export interface HeadReader<Said> {
  /** bytes from the start of a file that `applies` asks for */
  readonly headBytes: number;
  /** whether a file that begins so may say it; others are not read whole */
  applies(head: Uint8Array): boolean;
  /** undefined for what does not say it */
  read(bytes: Uint8Array): Promise<Said | undefined>;
}

/** Undefined for what is another file, and for what cannot be read: that is said where the image is used. */
export async function readWhereItApplies<Said>(item: DatasetItem, reader: HeadReader<Said>): Promise<Said | undefined> {
  try {
    const head = await item.head?.(reader.headBytes);
    if (head === undefined || !reader.applies(head)) return undefined;
    const content = await item.open();
    return content.kind === "file" ? await reader.read(content.bytes) : undefined;
  } catch {
    return undefined;
  }
}
