// Set up before every test file: what helpers have of each file's own.

import { aroundThisFile } from "./each-file.js";

aroundThisFile();
