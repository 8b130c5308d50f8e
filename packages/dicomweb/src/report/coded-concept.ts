// Codes: a value, the scheme that gives it its meaning, and the meaning in words (DICOM PS3.3, table 8.8-1). Names without a code of a
// public scheme get one of ours, made from the name, so that equal names have equal codes everywhere.

import { createHash } from "node:crypto";
import { DicomwebError } from "../errors.js";

/** A coded concept. */
export interface CodedConcept {
  /** ≤ 16 characters */
  readonly value: string;
  /** e.g. SCT, DCM, RADLEX; ≤ 16 characters */
  readonly scheme: string;
  /** ≤ 64 characters */
  readonly meaning: string;
}

/** Scheme of the codes that are made here. */
export const PRIVATE_SCHEME = "99BIOVLM";

const digest = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 12);
const meaningOf = (text: string) => [...text].slice(0, 64).join("");

/** The class `name` as a finding, in the private scheme. */
export function classCode(name: string): CodedConcept {
  return { value: `C${digest(name)}`, scheme: PRIVATE_SCHEME, meaning: meaningOf(name) };
}

/** The probability of the class `name` as the name of a measurement, in the private scheme. */
export function probabilityCode(name: string): CodedConcept {
  return { value: `P${digest(name)}`, scheme: PRIVATE_SCHEME, meaning: meaningOf(`Probability of ${name}`) };
}

/** The code as given, if it can stand in a DICOM file. @throws DicomwebError `bad_argument` */
export function checkCode(code: CodedConcept): CodedConcept {
  for (const [field, limit] of [
    ["value", 16],
    ["scheme", 16],
    ["meaning", 64],
  ] as const) {
    const text = code[field];
    if (text.trim() === "" || [...text].length > limit || /[\\\p{Cc}]/u.test(text)) {
      throw new DicomwebError(
        "bad_argument",
        `code ${field} — expected 1 to ${limit} characters without backslash and control characters, got ${JSON.stringify(text)}. Write it as its coding scheme prints it.`,
      );
    }
  }
  return code;
}
