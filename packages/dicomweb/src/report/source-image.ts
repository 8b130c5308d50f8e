// The header of the image that an answer is about: what a report has to repeat of patient and study, and which image it names. Pixels are not
// read. What is read here goes into the report alone: never into a message, a log or a row.

import { withPreamble } from "@biovlm/imaging";
import { type NaturalDataset, readDataset } from "../dicom-library.js";
import { DicomwebError } from "../errors.js";
import { checkUid } from "./uids.js";

/** Keywords that a report of the same study repeats (modules Patient and General Study). */
const REPEATED = [
  "PatientName",
  "PatientID",
  "IssuerOfPatientID",
  "PatientBirthDate",
  "PatientSex",
  "StudyInstanceUID",
  "StudyDate",
  "StudyTime",
  "StudyID",
  "StudyDescription",
  "AccessionNumber",
  "ReferringPhysicianName",
] as const;

/** An image that an answer is about. */
export interface SourceImage {
  readonly sopClass: string;
  readonly sopInstance: string;
  readonly series: string;
  readonly study: string;
  /** patient and study by keyword, as the file has them; for the report alone */
  readonly repeated: Readonly<Record<string, unknown>>;
}

/**
 * Reads the header of a DICOM file.
 * @throws DicomwebError `not_dicom` (the cause is left out: it may quote the file)
 */
export function readSourceImage(bytes: Uint8Array): SourceImage {
  let dataset: NaturalDataset;
  try {
    dataset = readDataset(new Uint8Array(withPreamble(bytes)).buffer);
  } catch {
    throw new DicomwebError(
      "not_dicom",
      "DICOM header — expected a file with a readable header, got bytes that break off or contradict themselves. Send the image again from its source.",
    );
  }
  const uid = (keyword: string) => {
    try {
      return checkUid(dataset[keyword], keyword);
    } catch {
      throw new DicomwebError("not_dicom", `DICOM header — expected a UID in ${keyword}, got none. A report needs it to name its image.`);
    }
  };
  return {
    sopClass: uid("SOPClassUID"),
    sopInstance: uid("SOPInstanceUID"),
    series: uid("SeriesInstanceUID"),
    study: uid("StudyInstanceUID"),
    repeated: Object.fromEntries(REPEATED.flatMap((keyword) => (dataset[keyword] === undefined ? [] : [[keyword, dataset[keyword]]]))),
  };
}
