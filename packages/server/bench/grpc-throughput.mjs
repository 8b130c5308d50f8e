// Images a second over gRPC beside the same tensors in binary over HTTP: one server as it ships, rounds interleaved. With what an image costs the
// server and its encoder in processor time, which other work on the machine touches less, what it costs the client, which has its share of the same
// cores, and a call's latency. Clients: Node's (this process: node:http and @grpc/grpc-js); with --go Go's (net/http and google.golang.org/grpc, built
// by the `go` of this machine, the cheapest of them); with --python PROGRAM, which has tritonclient[http,grpc], Triton's, from threads of one process.
// --images: in a call. --embedding: rows of 128 floats in place of images. --pin: the server on core 0, the client on the others, by taskset.
// --stream: rounds of ModelStreamInfer beside them, as many requests at once as the others have connections, over one stream, or --streams.
//   npm run build && node packages/server/bench/grpc-throughput.mjs [--seconds 3] [--rounds 7] [--connections 16] [--images 1] [--embedding]
//     [--go | --python PROGRAM] [--pin] [--stream [--streams 1]]
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { createRequire } from "node:module";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { phantomSet } from "../../cli/dist/phantoms/phantom-set.js";
import { encodePng } from "../../cli/dist/phantoms/png-file.js";
import { callOptions } from "./call-options.mjs";
import { askedByLines, goClient } from "./go-client.mjs";

const {
  values,
  seconds,
  rounds,
  connections,
  images: perCall,
  streams,
} = callOptions("3", "7", {
  embedding: { type: "boolean", default: false },
  python: { type: "string" },
  pin: { type: "boolean", default: false },
});
const names = ["http", "grpc", ...(values.stream ? ["stream"] : [])];
const WIDTH = values.embedding ? 128 : 0;
const root = new URL("../../../", import.meta.url);
const require = createRequire(import.meta.url);
const grpc = require("@grpc/grpc-js");
const { loadSync } = require("@grpc/proto-loader");

const [serverCore, clientCores] = values.pin ? [["taskset", "-c", "0"], `1-${cpus().length - 1}`] : [[], ""];
// this process is the client, or starts it
if (values.pin) execFileSync("taskset", ["-a", "-c", "-p", clientCores, String(process.pid)], { stdio: "ignore" });
const words = ["--dataset", "busi", "--device", "cpu", "--threads", "1", "--port", "0", "--grpc-port", "0", "--log-level", "silent"];
const main = new URL("packages/cli/dist/main.js", root).pathname;
const [command, ...given] = [...serverCore, process.execPath, main, "serve", ...words];
const server = spawn(command, given, { stdio: ["ignore", "ignore", "pipe"] });
process.once("exit", () => server.kill("SIGTERM"));
let said = "";
for await (const piece of server.stderr) {
  said += piece;
  if (/^ready: /m.test(said)) break;
}
const port = Number(/http:\/\/[\d.]+:(\d+)/.exec(said)[1]);
const to = /grpc:\/\/([\d.:]+)/.exec(said)[1];

const files = [...phantomSet({ seed: 9, perKind: 1, size: 224 })].map(({ image }) => Buffer.from(encodePng(image)));
const elements = files.map((png) => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(png.length);
  return Buffer.concat([length, png]);
});
/** What calls carry in turn: { input, data }. */
const calls = values.embedding
  ? [
      {
        input: { name: "embedding", datatype: "FP32", shape: [perCall, WIDTH] },
        data: Buffer.from(Float32Array.from({ length: perCall * WIDTH }, (_, i) => (i % 7) - 3).buffer),
      },
    ]
  : elements.map((_, i) => ({
      input: { name: "image", datatype: "BYTES", shape: [perCall] },
      data: Buffer.concat(Array.from({ length: perCall }, (_, k) => elements[(i + k) % elements.length])),
    }));

/** Node's clients: a round asks for `seconds` from this process. */
function nodeClient() {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const bodies = calls.map(({ input, data }) => {
    const inputs = [{ ...input, parameters: { binary_data_size: data.length } }];
    const head = Buffer.from(JSON.stringify({ parameters: { binary_data_output: true }, inputs }));
    return { body: Buffer.concat([head, data]), head: head.length };
  });
  const http = (i) =>
    new Promise((done, failed) => {
      const { body, head } = bodies[i % bodies.length];
      const headers = {
        "content-type": "application/octet-stream",
        "content-length": body.length,
        "inference-header-content-length": head,
      };
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
      const { input, data } = calls[i % calls.length];
      const call = { model_name: "tiny", inputs: [input], raw_input_contents: [data] };
      clients[worker].ModelInfer(call, (error) => (error ? failed(error) : done()));
    });
  const overStream = values.stream ? Array.from({ length: streams }, (_, i) => sharedStream(clients[i])) : [];
  const ways = { http, grpc: overGrpc, stream: (i, worker) => overStream[worker % streams](calls[i % calls.length]) };
  return {
    async round(name) {
      const ask = ways[name];
      const own = process.cpuUsage();
      const took = [];
      const began = performance.now();
      const work = async (_, worker) => {
        for (let i = worker; performance.now() < began + seconds * 1000; i += connections) {
          const start = performance.now();
          await ask(i, worker);
          took.push(performance.now() - start);
        }
      };
      await Promise.all(Array.from({ length: connections }, work));
      const { user, system } = process.cpuUsage(own);
      took.sort((a, b) => a - b);
      return {
        answered: took.length * perCall,
        seconds: (performance.now() - began) / 1000,
        client: (user + system) / 1000,
        p50: took[took.length >> 1],
        p99: took[Math.floor(took.length * 0.99)],
      };
    },
    end() {
      for (const { end } of overStream) end();
      for (const client of clients) client.close();
      agent.destroy();
    },
  };
}

/** A stream that several callers share: answers come in the order of the requests. */
function sharedStream(client) {
  const stream = client.ModelStreamInfer();
  const waiting = [];
  stream.on("data", ({ error_message: error }) => waiting.shift()(error));
  const ask = ({ input, data }) =>
    new Promise((done, failed) => {
      waiting.push((error) => (error ? failed(new Error(error)) : done()));
      stream.write({ model_name: "tiny", inputs: [input], raw_input_contents: [data] });
    });
  return Object.assign(ask, { end: () => stream.end() });
}

function tritonClient(python) {
  const folder = mkdtempSync(join(tmpdir(), "grpc-throughput-"));
  process.once("exit", () => rmSync(folder, { recursive: true }));
  const paths = files.map((png, i) => {
    writeFileSync(join(folder, `${i}.png`), png);
    return join(folder, `${i}.png`);
  });
  const script = new URL("triton_load.py", import.meta.url).pathname;
  const settings = [`127.0.0.1:${port}`, to, values.seconds, values.connections, values.images, String(WIDTH), values.streams];
  const child = spawn(python, [script, ...settings, ...paths], { stdio: ["pipe", "pipe", "inherit"] });
  return askedByLines(child, "the Python client");
}

const settings = { http: `127.0.0.1:${port}`, grpc: to, seconds, connections, images: perCall, embedding: WIDTH, streams, files };
const client = values.go ? goClient(settings) : values.python === undefined ? nodeClient() : tritonClient(values.python);

/** Processor milliseconds of the server and its encoder so far; NaN where there is no /proc. */
function spent() {
  try {
    const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8").trim().split(/\s+/).filter(Boolean);
    return [server.pid, ...children].reduce((sum, pid) => {
      const [utime, stime] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ").slice(11, 13);
      return sum + 10 * (Number(utime) + Number(stime));
    }, 0);
  } catch {
    return Number.NaN;
  }
}
async function round(name) {
  const before = spent();
  const { answered, ...result } = await client.round(name);
  const { p50, p99 } = result;
  return { rate: answered / result.seconds, cost: (spent() - before) / answered, client: result.client / answered, p50, p99 };
}
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const rates = Object.fromEntries(names.map((name) => [name, []]));
for (const name of [...names, ...names]) await round(name);
for (let i = 0; i < rounds; i++) for (const name of names) rates[name].push(await round(name));
const of = (name, figure) => rates[name].map((each) => each[figure]);
const ratio = (name, figure) => median(of(name, figure).map((value, i) => value / of("http", figure)[i])).toFixed(2);
for (const name of names) {
  const said = (figure, digits) => median(of(name, figure)).toFixed(digits);
  console.log(
    `${name}: ${said("rate", 1)} images/s, ${said("cost", 2)} ms of processor time each, ${said("client", 2)} ms of the client's; a call ${said("p50", 1)} ms, p99 ${said("p99", 1)} ms`,
  );
}
for (const name of names.slice(1))
  console.log(
    `${name} ÷ HTTP, medians of rounds: images/s ${ratio(name, "rate")}, processor time ${ratio(name, "cost")}, p50 ${ratio(name, "p50")}, p99 ${ratio(name, "p99")}`,
  );
client.end();
server.kill("SIGTERM");
