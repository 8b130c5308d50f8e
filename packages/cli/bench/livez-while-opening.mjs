// How long /livez takes while `biovlm serve` opens a model of BiomedCLIP's sizes and embeds class texts, of several starts without a cache; on Linux
// also the longest turns of the server's thread after it listens, in processor time, which a busy machine changes little.
// Needs `npm run build` and what tools/testkit/full-size-model.mjs needs: node packages/cli/bench/livez-while-opening.mjs [starts, 5]
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fullSizeModel } from "../../../tools/testkit/full-size-model.mjs";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "biovlm-livez-"));
const model = fullSizeModel();
/** Loaded into the server: a line of its longest turns, in ms of processor time, when it ends. */
const turns = join(folder, "turns.mjs");
writeFileSync(
  turns,
  `import { readFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
if (isMainThread && process.platform === "linux" && process.argv[2] === "serve") {
  const cpu = () => Number(readFileSync(\`/proc/self/task/\${process.pid}/schedstat\`, "utf8").split(" ")[0]) / 1e6;
  let last = cpu();
  let longest = [];
  const write = process.stderr.write.bind(process.stderr);
  // what is done before it listens is in nobody's way
  process.stderr.write = (text, ...rest) => {
    if (String(text).includes("listening on")) [longest, last] = [[], cpu()];
    return write(text, ...rest);
  };
  setInterval(() => {
    const now = cpu();
    longest = [...longest, Math.round(now - last)].sort((a, b) => b - a).slice(0, 4);
    last = now;
  }, 2).unref();
  process.on("exit", () => write("turns: " + longest.join(" ") + "\\n"));
}
`,
);

for (let start = Number(process.argv[2] ?? 5); start > 0; start--) {
  const began = performance.now();
  const words = [main, "serve", "--model", model, "--dataset", "busi", "--device", "cpu", "--threads", "2", "--port", "0"];
  const child = spawn(process.execPath, ["--import", turns, ...words, "--drain-delay-ms", "0", "--log-level", "silent"], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, BIOVLM_CACHE: join(folder, `cache-${start}`) },
  });
  const closed = new Promise((done) => child.once("close", done));
  let said = "";
  const url = await new Promise((done, failed) => {
    child.stderr.on("data", (text) => {
      said += text;
      const found = /listening on (http\S+?)\/?;/.exec(said);
      if (found !== null) done(found[1]);
    });
    void closed.then(() => failed(new Error(`expected a server, got: ${said}`)));
  });
  const load = loadavg()[0].toFixed(0);
  let [first, slowest] = [undefined, 0];
  while (!/^ready: /m.test(said) && child.exitCode === null) {
    const asked = performance.now();
    await (await fetch(`${url}/livez`)).text();
    first ??= performance.now() - began;
    slowest = Math.max(slowest, performance.now() - asked);
    await new Promise((done) => setTimeout(done, 10));
  }
  const ready = performance.now() - began;
  child.kill("SIGTERM");
  await closed;
  const longest = /^turns: (.*)$/m.exec(said)?.[1] ?? "not measured";
  const [a, b, c] = [first, slowest, ready].map(Math.round);
  console.log(`load ${load}: first answer after ${a} ms, slowest ${b} ms, ready after ${c} ms; longest turns ${longest} ms`);
}
rmSync(folder, { recursive: true, force: true });
