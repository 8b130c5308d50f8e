#!/usr/bin/env node
// The command as npm links it: there from the first install on, also where the program is still to be built.
import { existsSync } from "node:fs";

const program = new URL("../dist/main.js", import.meta.url);
if (existsSync(program)) await import(program.href);
else {
  console.error("error[not_built]: biovlm is not built yet — run: npm run build");
  process.exitCode = 1;
}
