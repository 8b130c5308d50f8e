// @biovlm/dicomweb: answers as DICOM structured reports, and archives over DICOMweb.

export { type Archive, type ArchiveOptions, type InstanceReference, openArchive } from "./archive/archive.js";
export { authorizationOf } from "./archive/credentials.js";
export { DicomwebError, type DicomwebErrorCode } from "./errors.js";
export { type CodedConcept, checkCode, classCode, PRIVATE_SCHEME, probabilityCode } from "./report/coded-concept.js";
export { type ReportedAnswer, type ReportingDevice, reportContent } from "./report/content-tree.js";
export { readSourceImage, type SourceImage } from "./report/source-image.js";
export { type ImageAnswer, type ReportAuthor, type StructuredReport, structuredReport } from "./report/structured-report.js";
