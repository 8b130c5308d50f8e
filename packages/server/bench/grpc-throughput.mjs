// Images a second over gRPC beside the same tensors in binary over HTTP: one server as it ships, rounds interleaved, the load in this process. With
// what an image costs the server and its encoder in processor time, which other work on the machine touches less, and what it costs this process,
// the client, which has its share of the same cores. With --python PROGRAM, which has tritonclient[http,grpc], Triton's own clients ask, from threads
// of one process of that program.
//   npm run build && node packages/server/bench/grpc-throughput.mjs [--seconds 3] [--rounds 7] [--connections 16] [--python PROGRAM]
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { phantomSet } from "../../cli/dist/phantoms/phantom-set.js";
import { encodePng } from "../../cli/dist/phantoms/png-file.js";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "7" },
    connections: { type: "string", default: "16" },
    python: { type: "string" },
  },
});
const [seconds, rounds, connections] = [values.seconds, values.rounds, values.connections].map(Number);
const root = new URL("../../../", import.meta.url);
const require = createRequire(import.meta.url);
const grpc = require("@grpc/grpc-js");
const { loadSync } = require("@grpc/proto-loader");

const words = [
  "serve",
  "--dataset",
  "busi",
  "--device",
  "cpu",
  "--threads",
  "1",
  "--port",
  "0",
  "--grpc-port",
  "0",
  "--log-level",
  "silent",
];
const server = spawn(process.execPath, [new URL("packages/cli/dist/main.js", root).pathname, ...words], {
  stdio: ["ignore", "ignore", "pipe"],
});
let said = "";
for await (const piece of server.stderr) {
  said += piece;
  if (/^ready: /m.test(said)) break;
}
const port = Number(/http:\/\/[\d.]+:(\d+)/.exec(said)[1]);
const to = /grpc:\/\/([\d.:]+)/.exec(said)[1];

const images = [...phantomSet({ seed: 9, perKind: 1, size: 224 })].map(({ image }) => Buffer.from(encodePng(image)));
const elements = images.map((png) => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(png.length);
  return Buffer.concat([length, png]);
});
const agent = new Agent({ keepAlive: true, maxSockets: connections });
const bodies = elements.map((tensor) => {
  const parameters = { binary_data_size: tensor.length };
  const inputs = [{ name: "image", datatype: "BYTES", shape: [1], parameters }];
  const head = Buffer.from(JSON.stringify({ parameters: { binary_data_output: true }, inputs }));
  return { body: Buffer.concat([head, tensor]), head: head.length };
});
const http = (i) =>
  new Promise((done, failed) => {
    const { body, head } = bodies[i % bodies.length];
    const headers = { "content-type": "application/octet-stream", "content-length": body.length, "inference-header-content-length": head };
    const call = request({ agent, port, path: "/v2/models/tiny/infer", method: "POST", headers }, (response) => {
      response.resume().on("end", () => (response.statusCode === 200 ? done() : failed(new Error(`HTTP ${response.statusCode}`))));
    });
    call.on("error", failed).end(body);
  });
const definition = loadSync(new URL("../proto/open-inference.proto", import.meta.url).pathname, { keepCase: true });
const { GRPCInferenceService } = grpc.loadPackageDefinition(definition).inference;
// as many connections as HTTP has
const clients = Array.from(
  { length: connections },
  () => new GRPCInferenceService(to, grpc.credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 }),
);
const overGrpc = (i, worker) =>
  new Promise((done, failed) => {
    const inputs = [{ name: "image", datatype: "BYTES", shape: [1] }];
    const call = { model_name: "tiny", inputs, raw_input_contents: [elements[i % elements.length]] };
    clients[worker].ModelInfer(call, (error) => (error ? failed(error) : done()));
  });

/** Processor milliseconds of the server and its encoder so far; NaN where there is no /proc. */
function spent() {
  try {
    const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8").trim().split(/\s+/);
    return [server.pid, ...children].reduce((sum, pid) => {
      const [utime, stime] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ").slice(11, 13);
      return sum + 10 * (Number(utime) + Number(stime));
    }, 0);
  } catch {
    return Number.NaN;
  }
}

/** Asks for `seconds` from here. @returns how many answers, how long, and this process's milliseconds of processor time */
async function asked(ask) {
  const own = process.cpuUsage();
  let answered = 0;
  const until = performance.now() + seconds * 1000;
  const work = async (_, worker) => {
    for (let i = worker; performance.now() < until; i += connections, answered++) await ask(i, worker);
  };
  await Promise.all(Array.from({ length: connections }, work));
  const { user, system } = process.cpuUsage(own);
  return { answered, seconds, client: (user + system) / 1000 };
}

const folder = mkdtempSync(join(tmpdir(), "grpc-throughput-"));
process.once("exit", () => rmSync(folder, { recursive: true }));
const triton = values.python === undefined ? undefined : tritonClients(values.python);
function tritonClients(python) {
  const files = images.map((png, i) => {
    const file = join(folder, `${i}.png`);
    writeFileSync(file, png);
    return file;
  });
  const script = new URL("triton_load.py", import.meta.url).pathname;
  const child = spawn(python, [script, `127.0.0.1:${port}`, to, values.seconds, values.connections, ...files], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}
async function askedByTriton(name) {
  triton.child.stdin.write(`${name}\n`);
  const { value, done } = await triton.lines.next();
  if (done) throw new Error("the Python client ended");
  const said = JSON.parse(value);
  return { ...said, client: said.client * 1000 };
}

async function round(name) {
  const before = spent();
  const result = await (triton === undefined ? asked(name === "http" ? http : overGrpc) : askedByTriton(name));
  const { answered } = result;
  return { rate: answered / result.seconds, cost: (spent() - before) / answered, client: result.client / answered };
}
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const rates = { http: [], grpc: [] };
await round("http");
await round("grpc");
for (let i = 0; i < rounds; i++) {
  rates.http.push(await round("http"));
  rates.grpc.push(await round("grpc"));
}
const of = (name, figure) => rates[name].map((each) => each[figure]);
const ratios = of("grpc", "rate").map((rate, i) => rate / of("http", "rate")[i]);
const costs = of("grpc", "cost").map((cost, i) => cost / of("http", "cost")[i]);
for (const name of ["http", "grpc"])
  console.log(
    `${name}: ${median(of(name, "rate")).toFixed(1)} images/s, ${median(of(name, "cost")).toFixed(2)} ms of processor time each, ${median(of(name, "client")).toFixed(2)} ms of the client's`,
  );
console.log(`gRPC ÷ HTTP, medians of rounds: images/s ${median(ratios).toFixed(2)}, processor time ${median(costs).toFixed(2)}`);
for (const client of clients) client.close();
agent.destroy();
triton?.child.stdin.end();
server.kill("SIGTERM");
