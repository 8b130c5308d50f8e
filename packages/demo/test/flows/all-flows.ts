// What page.test.ts runs in its browser beside its own tests, in order.

import { accessFlows } from "./access-flows.js";
import { answerFlows } from "./answer-flows.js";
import { axeFlows } from "./axe-flows.js";
import { classFlows } from "./class-flows.js";
import { dicomFlows } from "./dicom-flows.js";
import { fileFlows } from "./file-flows.js";
import { galleryFlows } from "./gallery-flows.js";
import { projectFlows } from "./project-flows.js";
import { seriesFlows } from "./series-flows.js";
import { serverFlows } from "./server-flows.js";
import { tiffFlows } from "./tiff-flows.js";

export const FLOWS = [
  classFlows,
  answerFlows,
  galleryFlows,
  projectFlows,
  dicomFlows,
  fileFlows,
  tiffFlows,
  seriesFlows,
  serverFlows,
  accessFlows,
  axeFlows,
];
