// The server as it ships against cases that schemathesis (a Python program) makes of /openapi.json: one run over all operations but loading and
// unloading, which would leave nothing to ask, then these. Says how many cases there were and what was found, by kind; ends with 1 where an answer was a
// fault of the server. The cases are the same for the same seed and version.
//   pip install schemathesis==4.32.5 && npm run build && node packages/server/bench/schemathesis.mjs [--program schemathesis] [--examples 110] [--seed 1]
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    program: { type: "string", default: "schemathesis" },
    // of each operation that has anything to vary
    examples: { type: "string", default: "110" },
    seed: { type: "string", default: "1" },
    // prints what schemathesis says
    verbose: { type: "boolean", default: false },
  },
});
const folder = mkdtempSync(join(tmpdir(), "biovlm-schemathesis-"));
const keys = join(folder, "keys.json");
const key = "a-key-of-this-run";
writeFileSync(
  keys,
  JSON.stringify([{ name: "cases", sha256: createHash("sha256").update(key).digest("hex"), scopes: ["infer", "admin"] }]),
);
const main = fileURLToPath(new URL("../../cli/dist/main.js", import.meta.url));
const words = ["serve", "--class", "chest X-ray", "--class", "head CT", "--device", "cpu", "--threads", "1", "--port", "0"];
words.push("--keys-file", keys, "--auth-failures-per-minute", "0", "--drain-delay-ms", "0", "--log-level", "silent");
const server = spawn(process.execPath, [main, ...words], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
let said = "";
const url = await new Promise((resolve, reject) => {
  server.stderr.on("data", (data) => {
    said += data;
    if (/^ready: /m.test(said)) resolve(/listening on (\S+?)\/?;/.exec(said)[1]);
  });
  server.once("exit", (code) => reject(new Error(`serve ended with ${code}: ${said}`)));
});

const LOADING = ["--include-path-regex", "/repository/models/"];
let [cases, faults] = [0, 0];
const found = new Map();
try {
  for (const which of [["--exclude-path-regex", "/repository/models/"], LOADING]) {
    const more = ["--max-examples", values.examples, "--seed", values.seed, "--phases", "coverage,fuzzing", "--checks", "all"];
    more.push("--continue-on-failure", "--no-color", "--no-shrink", "--generation-database", "none", "--request-timeout", "60");
    const run = spawnSync(values.program, ["run", `${url}/openapi.json`, "-H", `Authorization: Bearer ${key}`, ...which, ...more], {
      cwd: folder,
      encoding: "utf8",
      maxBuffer: 2 ** 28,
    });
    if (run.error !== undefined) throw run.error;
    if (values.verbose) console.log(run.stdout);
    const [, count] = /(\d+) generated/.exec(run.stdout) ?? [];
    if (count === undefined)
      throw new Error(`schemathesis said nothing of its cases: ${run.stdout.slice(-2000)}${run.stderr.slice(-2000)}`);
    cases += Number(count);
    for (const [, operation, rest] of run.stdout.matchAll(/^_{3,} (.+?) _{3,}\n([\s\S]*?)(?=^_{3,} |^={3,})/gm)) {
      // each finding may be of several kinds; all stand before the answer
      for (const [, kinds, status] of rest.matchAll(/^\d+\. Test Case ID: .+$([\s\S]*?)^\[(\d+)\]/gm)) {
        for (const [, what] of kinds.matchAll(/^- (ST\d+ .+)$/gm)) found.set(what, [...(found.get(what) ?? []), `${operation} ${status}`]);
        if (/^5/.test(status)) faults++;
      }
    }
  }
} finally {
  server.removeAllListeners("exit");
  server.kill("SIGTERM");
  rmSync(folder, { recursive: true, force: true });
}
const noise = said.split("\n").filter((line) => /warning|error/i.test(line));
console.log(`${cases} cases, ${[...found.values()].flat().length} findings, ${faults} with a status of 500 or more`);
for (const [what, where] of [...found].sort()) console.log(`${what}: ${where.length}\n  ${where.join("\n  ")}`);
if (noise.length > 0) console.log(`on stderr of the server:\n  ${[...new Set(noise)].join("\n  ")}`);
process.exitCode = faults > 0 || noise.length > 0 ? 1 : 0;
