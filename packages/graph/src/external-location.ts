// Which file names an ONNX model may point at. Pure text rules; a file reader must besides refuse symbolic links that leave the folder.

import { GraphError } from "./errors.js";

/**
 * Checks an external-data location: a relative path of plain names below the model's folder, `/` between them. Refused with `unsafe_location`:
 * absolute paths, drive letters, URLs, backslashes, `.`, `..` and empty parts, control characters, more than 1024 characters.
 * @returns the location itself.
 */
export function checkExternalLocation(location: string): string {
  const parts = location.split("/");
  const plain = parts.every((p) => p !== "" && p !== "." && p !== ".." && !p.endsWith(" ") && !/[\\:\u0000-\u001f\u007f]/.test(p));
  if (!plain || location.length > 1024) {
    const shown = JSON.stringify(location.slice(0, 80));
    throw new GraphError(
      "unsafe_location",
      `external data location — expected a plain relative path inside the model's folder, got ${shown}. Refuse this model.`,
    );
  }
  return location;
}
