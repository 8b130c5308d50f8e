// The content of a report: TID 1500 with one TID 1501 group an answer, as items by keyword. Equal to highdicom's tree for the same answers
// (tools/goldens/make/make_structured_report.py). Knows no file and no patient.

import { DicomwebError } from "../errors.js";
import { type CodedConcept, checkCode, classCode, probabilityCode } from "./coded-concept.js";

/** One answer about one image or frame. */
export interface ReportedAnswer {
  readonly sopClass: string;
  readonly sopInstance: string;
  /** counted from 1; absent for the whole image */
  readonly frame?: number | undefined;
  readonly trackingId: string;
  readonly trackingUid: string;
  /** classes with their probabilities, the answer first */
  readonly classes: readonly { readonly name: string; readonly probability: number; readonly code?: CodedConcept | undefined }[];
}

/** What made the answers. */
export interface ReportingDevice {
  readonly uid: string;
  readonly name: string;
  readonly manufacturer: string;
  readonly model: string;
  readonly version: string;
  /** e.g. digests of model and bank, and the intended use; each one line */
  readonly parameters: readonly string[];
}

type Item = Record<string, unknown>;

const dcm = (value: string, meaning: string): CodedConcept => ({ value, scheme: "DCM", meaning });
/** a decimal string of DICOM holds 16 characters: nine digits are all that an F32 has */
const decimal = (probability: number) => Number(probability.toPrecision(9));
const NO_UNITS: CodedConcept = { value: "1", scheme: "UCUM", meaning: "no units" };
const IMAGING_PROCEDURE: CodedConcept = { value: "363679005", scheme: "SCT", meaning: "Imaging procedure" };

const coded = ({ value, scheme, meaning }: CodedConcept): Item[] => [
  { CodeValue: value, CodingSchemeDesignator: scheme, CodeMeaning: meaning },
];
const item = (relationship: string, type: string, name: CodedConcept, rest: Item): Item => ({
  RelationshipType: relationship,
  ValueType: type,
  ConceptNameCodeSequence: coded(name),
  ...rest,
});
const codeItem = (relationship: string, name: CodedConcept, value: CodedConcept) =>
  item(relationship, "CODE", name, { ConceptCodeSequence: coded(value) });
const textItem = (relationship: string, name: CodedConcept, text: string) => item(relationship, "TEXT", name, { TextValue: text });
const uidItem = (relationship: string, name: CodedConcept, uid: string) => item(relationship, "UIDREF", name, { UID: uid });
const container = (name: CodedConcept, template: string | undefined, content: Item[]) =>
  item("CONTAINS", "CONTAINER", name, {
    ContinuityOfContent: "CONTINUOUS",
    ...(template !== undefined && { ContentTemplateSequence: [{ MappingResource: "DCMR", TemplateIdentifier: template }] }),
    ContentSequence: content,
  });

function measurementGroup(answer: ReportedAnswer, device: ReportingDevice): Item {
  const [top] = answer.classes;
  if (top === undefined)
    throw new DicomwebError("bad_argument", "answer — expected classes with their probabilities, got none. Leave the image out.");
  const finding = top.code ?? classCode(top.name);
  return container(dcm("125007", "Measurement Group"), "1501", [
    textItem("HAS OBS CONTEXT", dcm("112039", "Tracking Identifier"), answer.trackingId),
    uidItem("HAS OBS CONTEXT", dcm("112040", "Tracking Unique Identifier"), answer.trackingUid),
    codeItem("CONTAINS", dcm("121071", "Finding"), checkCode(finding)),
    textItem("HAS CONCEPT MOD", dcm("111001", "Algorithm Name"), device.name),
    textItem("HAS CONCEPT MOD", dcm("111003", "Algorithm Version"), device.version),
    ...device.parameters.map((parameter) => textItem("HAS CONCEPT MOD", dcm("111002", "Algorithm Parameters"), parameter)),
    ...answer.classes.map(({ name, probability }) =>
      item("CONTAINS", "NUM", probabilityCode(name), {
        MeasuredValueSequence: [
          { MeasurementUnitsCodeSequence: coded(NO_UNITS), FloatingPointValue: probability, NumericValue: decimal(probability) },
        ],
      }),
    ),
    {
      ReferencedSOPSequence: [
        {
          ReferencedSOPClassUID: answer.sopClass,
          ReferencedSOPInstanceUID: answer.sopInstance,
          ...(answer.frame !== undefined && { ReferencedFrameNumber: answer.frame }),
        },
      ],
      RelationshipType: "CONTAINS",
      ValueType: "IMAGE",
      ConceptNameCodeSequence: coded(dcm("121112", "Source of Measurement")),
    },
  ]);
}

/** The root item of the report, by keyword. @throws DicomwebError `bad_argument` for a code that cannot stand in a file */
export function reportContent(answers: readonly ReportedAnswer[], device: ReportingDevice): Item {
  const observer = [
    codeItem("HAS OBS CONTEXT", dcm("121005", "Observer Type"), dcm("121007", "Device")),
    uidItem("HAS OBS CONTEXT", dcm("121012", "Device Observer UID"), device.uid),
    textItem("HAS OBS CONTEXT", dcm("121013", "Device Observer Name"), device.name),
    textItem("HAS OBS CONTEXT", dcm("121014", "Device Observer Manufacturer"), device.manufacturer),
    textItem("HAS OBS CONTEXT", dcm("121015", "Device Observer Model Name"), device.model),
    textItem("HAS OBS CONTEXT", dcm("121016", "Device Observer Serial Number"), device.version),
  ];
  return {
    ValueType: "CONTAINER",
    ConceptNameCodeSequence: coded(dcm("126000", "Imaging Measurement Report")),
    ContinuityOfContent: "CONTINUOUS",
    ContentTemplateSequence: [{ MappingResource: "DCMR", TemplateIdentifier: "1500" }],
    ContentSequence: [
      codeItem("HAS CONCEPT MOD", dcm("121049", "Language of Content Item and Descendants"), {
        value: "en-US",
        scheme: "RFC5646",
        meaning: "English (United States)",
      }),
      ...observer,
      codeItem("HAS CONCEPT MOD", dcm("121058", "Procedure reported"), IMAGING_PROCEDURE),
      container(
        dcm("126010", "Imaging Measurements"),
        undefined,
        answers.map((answer) => measurementGroup(answer, device)),
      ),
    ],
  };
}
