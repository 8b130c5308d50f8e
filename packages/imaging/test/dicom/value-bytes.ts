// In Node and in a page.

import type { StoredValues } from "../../src/dicom/stored-values.js";

/** Bytes of stored values, little-endian. */
export const valueBytes = (values: StoredValues): Uint8Array => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
