// A process that makes a folder of its own, says where, and waits to be killed.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ownFolder } from "../src/node/index.js";

const { path } = await ownFolder(process.argv[2] ?? "");
writeFileSync(join(path, "names"), "a patient's name");
console.log(path);
setInterval(() => {}, 1000);
