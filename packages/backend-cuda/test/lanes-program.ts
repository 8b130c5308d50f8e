// A program that opens lanes and prints how many numbers came out of them. Bundled and run by lanes.test.ts.

import { toyPixels, toyTowers } from "@biovlm/model/testing";
import { cpuBackend } from "../src/index.js";

const encoder = await cpuBackend({ lanes: 2 }).open(toyTowers().graphs);
console.log((await encoder.encodeImages(toyPixels(2), 2)).data.length);
await encoder.close();
