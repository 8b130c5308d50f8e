// The page's images in Chromium: folders and the gallery, DICOM, TIFF, other formats, series and volumes.

import { dicomFlows } from "./flows/dicom-flows.js";
import { fileFlows } from "./flows/file-flows.js";
import { galleryFlows } from "./flows/gallery-flows.js";
import { runFlows } from "./flows/run-flows.js";
import { seriesFlows } from "./flows/series-flows.js";
import { tiffFlows } from "./flows/tiff-flows.js";

runFlows("the page's files", [galleryFlows, dicomFlows, fileFlows, tiffFlows, seriesFlows]);
