// Answers about the images of one study as a DICOM file: Comprehensive SR, preliminary, unverified. Same answers, same UIDs; only the time
// of writing differs. Nothing is measured here and nothing sent.

import { writeDataset } from "../dicom-library.js";
import { DicomwebError } from "../errors.js";
import { type CodedConcept, PRIVATE_SCHEME } from "./coded-concept.js";
import { type ReportingDevice, reportContent } from "./content-tree.js";
import type { SourceImage } from "./source-image.js";
import { uidFrom } from "./uids.js";

const COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33";
const EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1";
const IMPLEMENTATION = uidFrom("biovlm", "implementation");

/** What the report says of one image or frame. */
export interface ImageAnswer {
  readonly source: SourceImage;
  /** counted from 1; absent for the whole image */
  readonly frame?: number | undefined;
  /** classes with probabilities in [0,1], the answer first; a `code` stands for the finding instead of one of ours */
  readonly classes: readonly { readonly name: string; readonly probability: number; readonly code?: CodedConcept | undefined }[];
}

/** Who answered. */
export interface ReportAuthor {
  /** name of the model, e.g. "biomedclip" */
  readonly model: string;
  readonly modelDigest: string;
  readonly bankDigest?: string | undefined;
  /** version of this software */
  readonly version: string;
}

/** A report, ready to be written to a file or stored. */
export interface StructuredReport {
  readonly sopInstance: string;
  readonly series: string;
  readonly study: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

function device(author: ReportAuthor): ReportingDevice {
  return {
    uid: uidFrom("biovlm", "device", author.modelDigest, author.version),
    name: "BioVLM",
    manufacturer: "BioVLM",
    model: author.model,
    version: author.version,
    parameters: [
      "Research use only, not a medical device",
      `model ${author.modelDigest}`,
      ...(author.bankDigest === undefined ? [] : [`bank ${author.bankDigest}`]),
    ],
  };
}

/** Studies → series → images, as the evidence of a report lists them. */
function evidence(sources: readonly SourceImage[], study: string) {
  const series = new Map<string, Map<string, string>>();
  for (const source of sources) {
    const images = series.get(source.series) ?? new Map<string, string>();
    series.set(source.series, images.set(source.sopInstance, source.sopClass));
  }
  const referenced = [...series].map(([uid, images]) => ({
    ReferencedSOPSequence: [...images].map(([instance, sopClass]) => ({
      ReferencedSOPClassUID: sopClass,
      ReferencedSOPInstanceUID: instance,
    })),
    SeriesInstanceUID: uid,
  }));
  return [{ ReferencedSeriesSequence: referenced, StudyInstanceUID: study }];
}

const two = (n: number) => String(n).padStart(2, "0");
const dateOf = (t: Date) => `${t.getUTCFullYear()}${two(t.getUTCMonth() + 1)}${two(t.getUTCDate())}`;
const timeOf = (t: Date) => `${two(t.getUTCHours())}${two(t.getUTCMinutes())}${two(t.getUTCSeconds())}`;

/**
 * Writes a report.
 * @param answers one or more, all of one study
 * @param when time of writing, in UTC; the only thing that two reports of the same answers differ in
 * @throws DicomwebError `bad_argument` for no answers, more than one study, or a code that cannot stand in a file
 */
export function structuredReport(answers: readonly ImageAnswer[], author: ReportAuthor, when: Date): StructuredReport {
  const [first] = answers;
  if (first === undefined) throw new DicomwebError("bad_argument", "report — expected answers, got none. Leave it out.");
  const { study, repeated } = first.source;
  if (answers.some(({ source }) => source.study !== study)) {
    throw new DicomwebError("bad_argument", "report — expected images of one study, got more. Write a report for each study.");
  }
  const by = device(author);
  const said = answers.map(({ source, frame, classes }) => [source.sopInstance, frame, classes]);
  const identity = JSON.stringify([by.parameters, by.version, said]);
  const sopInstance = uidFrom("report", study, identity);
  const series = uidFrom("report-series", study, author.modelDigest, author.bankDigest ?? "", author.version);
  const content = reportContent(
    answers.map(({ source, frame, classes }, index) => ({
      sopClass: source.sopClass,
      sopInstance: source.sopInstance,
      frame,
      trackingId: `BioVLM answer ${index + 1}`,
      trackingUid: uidFrom("answer", sopInstance, String(index)),
      classes,
    })),
    by,
  );
  const dataset = {
    SpecificCharacterSet: "ISO_IR 192",
    PatientName: "",
    PatientID: "",
    PatientBirthDate: "",
    PatientSex: "",
    StudyDate: "",
    StudyTime: "",
    StudyID: "",
    AccessionNumber: "",
    ReferringPhysicianName: "",
    ...repeated,
    SOPClassUID: COMPREHENSIVE_SR,
    SOPInstanceUID: sopInstance,
    Modality: "SR",
    StudyInstanceUID: study,
    SeriesInstanceUID: series,
    SeriesNumber: 99,
    SeriesDescription: "BioVLM answers, research use only",
    InstanceNumber: 1,
    ReferencedPerformedProcedureStepSequence: [],
    PerformedProcedureCodeSequence: [],
    Manufacturer: by.manufacturer,
    ManufacturerModelName: by.name,
    DeviceSerialNumber: by.version,
    SoftwareVersions: by.version,
    InstanceCreationDate: dateOf(when),
    InstanceCreationTime: timeOf(when),
    ContentDate: dateOf(when),
    ContentTime: timeOf(when),
    TimezoneOffsetFromUTC: "+0000",
    CompletionFlag: "PARTIAL",
    VerificationFlag: "UNVERIFIED",
    PreliminaryFlag: "PRELIMINARY",
    CodingSchemeIdentificationSequence: [
      {
        CodingSchemeDesignator: PRIVATE_SCHEME,
        CodingSchemeName: "BioVLM class names",
        CodingSchemeResponsibleOrganization: "BioVLM",
      },
    ],
    CurrentRequestedProcedureEvidenceSequence: evidence(
      answers.map(({ source }) => source),
      study,
    ),
    ...content,
  };
  return { sopInstance, series, study, bytes: writeDataset(metaOf(sopInstance), dataset) };
}

/** What group 0002 says of the file. */
const metaOf = (sopInstance: string) => ({
  FileMetaInformationVersion: new Uint8Array([0, 1]).buffer,
  MediaStorageSOPClassUID: COMPREHENSIVE_SR,
  MediaStorageSOPInstanceUID: sopInstance,
  TransferSyntaxUID: EXPLICIT_LITTLE_ENDIAN,
  ImplementationClassUID: IMPLEMENTATION,
  ImplementationVersionName: "BIOVLM",
});
