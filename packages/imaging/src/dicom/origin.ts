// Which DICOM files come of one patient, study or series: digests that are equal where the origin is. The identifiers themselves are not handed on.

import { isDicomFile } from "../formats.js";
import { readDicomFile } from "./data-set.js";

/** Where a file comes from: sha256, hexadecimal, of what it says; absent where it says nothing. To be compared, and forgotten. */
export interface DicomOrigin {
  readonly patient?: string;
  readonly study?: string;
  readonly series?: string;
}

/** Bytes of a file that tell whether it is DICOM. */
const HEAD_BYTES = 1024;

/** Origins of files that begin as DICOM does: what `openDataset` of @biovlm/datasets groups files by. */
export const dicomOrigins = {
  headBytes: HEAD_BYTES,
  applies: (head: Uint8Array): boolean => isDicomFile(head),
  /**
   * Reads where a file comes from; undefined for what is no DICOM.
   * @throws ImagingError `corrupt_image`, `too_large`
   */
  async read(bytes: Uint8Array): Promise<DicomOrigin | undefined> {
    if (!isDicomFile(bytes)) return undefined;
    const { dataset } = await readDicomFile(bytes, 4 * bytes.length + 64 * 1024 * 1024);
    const entries = Object.entries({ patient: "x00100020", study: "x0020000d", series: "x0020000e" } as const).map(
      async ([kind, tag]): Promise<[string, string][]> => {
        const text = dataset.text(tag);
        return text === undefined ? [] : [[kind, await digestOf(`${kind} ${text}`)]];
      },
    );
    return Object.fromEntries((await Promise.all(entries)).flat());
  },
};

async function digestOf(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
