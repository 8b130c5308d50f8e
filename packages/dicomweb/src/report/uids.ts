// UIDs made from content: the same answer for the same image has the same UID, so that storing it again replaces nothing and doubles nothing.

import { createHash } from "node:crypto";
import { DicomwebError } from "../errors.js";

/** A UID under 2.25 (ITU-T X.667: a UUID as one number), made of `parts`. The UUID is of version 8. */
export function uidFrom(...parts: readonly string[]): string {
  const hash = createHash("sha256").update(JSON.stringify(parts)).digest();
  hash[6] = (hash.readUInt8(6) & 0x0f) | 0x80;
  hash[8] = (hash.readUInt8(8) & 0x3f) | 0x80;
  return `2.25.${BigInt(`0x${hash.subarray(0, 16).toString("hex")}`)}`;
}

/** `uid` if it is one: digits and dots, no leading zeros, at most 64 characters. @throws DicomwebError `bad_argument`, which does not repeat it */
export function checkUid(uid: unknown, what: string): string {
  if (typeof uid !== "string" || uid.length > 64 || !/^(0|[1-9]\d*)(\.(0|[1-9]\d*))+$/.test(uid)) {
    throw new DicomwebError(
      "bad_argument",
      `${what} — expected a UID (digits and dots, at most 64 characters), got something else. Copy it from the archive.`,
    );
  }
  return uid;
}
