// How `classify` is told of an archive: the options alone. archive-images.ts acts on them.

import type { OptionSpecs, OptionValues } from "../command.js";

export const ARCHIVE_OPTIONS = {
  dicomweb: { type: "text", value: "URL", description: "an archive instead of files: the root of its DICOMweb service" },
  study: { type: "text", value: "UID", description: "study of the archive" },
  series: { type: "text", value: "UID", description: "one series of the study; all of them when absent" },
  store: { type: "flag", description: "store a structured report of each image in the archive" },
  dicomwebAuth: {
    type: "text",
    value: "FILE",
    completes: "file",
    setting: true,
    description: "credentials of the archive: a token, or USER:PASSWORD",
  },
  dicomwebCa: {
    type: "text",
    value: "FILE",
    completes: "file",
    setting: true,
    description: "certificates (PEM) that the archive's is checked by, instead of the system's",
  },
  inFlight: { type: "integer", min: 1, max: 64, setting: true, default: 4, description: "images of the archive in memory at once" },
} as const satisfies OptionSpecs;

/** Their values. */
export type ArchiveChoice = OptionValues<typeof ARCHIVE_OPTIONS>;
