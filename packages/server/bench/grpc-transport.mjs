// What a call costs a server beside its engine, in processor time: our routes over HTTP and over gRPC, with an engine that answers at once, beside
// Node's own HTTP/2 and @grpc/grpc-js that read the same message and answer as many bytes. What is left between our gRPC and HTTP is theirs. Clients are
// Node's, in this process, or with --go Go's, which load the server as fast as it goes, so that all ways are equally warm. Without --go the rounds of
// gRPC have fewer calls. --images: of 45 000 bytes each in a call. --stream:
// requests of our ModelStreamInfer beside them, as many at once as the others have connections, over one stream, or --streams.
//   npm run build && node packages/server/bench/grpc-transport.mjs [--seconds 0.2] [--rounds 50] [--connections 16] [--images 1] [--go]
//     [--stream [--streams 1]]
import { fork } from "node:child_process";
import { Agent, request } from "node:http";
import { createServer as http2Server } from "node:http2";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { callOptions } from "./call-options.mjs";
import { goClient } from "./go-client.mjs";

const require = createRequire(import.meta.url);
const grpc = require("@grpc/grpc-js");
const definition = require("@grpc/proto-loader").loadSync(fileURLToPath(new URL("../proto/open-inference.proto", import.meta.url)), {
  keepCase: true,
});
const { GRPCInferenceService } = grpc.loadPackageDefinition(definition).inference;
const ANSWER_BYTES = 400;
const IMAGE_BYTES = 45_000;
/** Of each way, until its code is compiled. */
const WARM_SECONDS = 4;

if (process.send !== undefined) await serve();
else await measure();

/** The child: four servers; answers with what it has spent so far whenever it is asked. */
async function serve() {
  const { createServer, grpcServer, listen, servingOptions } = await import("../dist/index.js");
  const classes = ["a", "b", "c"];
  const predictions = classes.map((name, i) => ({ class: name, probability: (3 - i) / 6 }));
  const answer = { predictions, kept: [{ prompt: 1, entropy: 0.2 }], sha256: "" };
  const source = { model: { digest: "" }, bank: { digest: "" }, device: "cpu", fellBack: false };
  const model = { name: "tiny", embedDim: 128, modelDigest: "", device: "cpu", ready: true };
  const engine = {
    readiness: () => ({ ready: true }),
    model: () => model,
    models: () => [model],
    classify: async (_, images) => ({ answers: images.map(() => answer), classes, source }),
  };
  const options = servingOptions({ port: 0, grpcPort: 0 });
  const app = await createServer({ engine, options, version: "0" });
  const ours = await grpcServer(app, options);
  await listen(app, options);
  const portOf = (where) => Number(where.split(":").at(-1));
  const bare = http2Server().on("stream", (stream) => {
    stream.on("data", () => {});
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.on("end", () => {
      const framed = Buffer.alloc(5 + ANSWER_BYTES);
      framed.writeUInt32BE(ANSWER_BYTES, 1);
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.end(framed);
    });
  });
  await new Promise((done) => bare.listen(0, "127.0.0.1", done));
  const plain = new grpc.Server();
  const raw = { requestDeserialize: (bytes) => bytes, responseSerialize: (bytes) => bytes };
  plain.addService(
    { ModelInfer: { ...GRPCInferenceService.service.ModelInfer, ...raw } },
    {
      ModelInfer: (_, done) => done(null, Buffer.alloc(ANSWER_BYTES)),
    },
  );
  const plainPort = await new Promise((done) =>
    plain.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (_, port) => done(port)),
  );
  process.on("message", () => process.send(process.cpuUsage()));
  const grpcPort = portOf(await ours.listen());
  process.send({ http: app.server.address().port, grpc: grpcPort, http2: bare.address().port, "grpc-js": plainPort });
}

async function measure() {
  const { values, seconds, rounds, connections, images, streams } = callOptions("0.2", "50");
  const child = fork(fileURLToPath(import.meta.url));
  const heard = () => new Promise((done) => child.once("message", done));
  const ports = await heard();
  const spent = async () => {
    const told = heard();
    child.send("spent");
    const { user, system } = await told;
    return (user + system) / 1000;
  };
  const file = Buffer.alloc(IMAGE_BYTES, 7);
  const at = (name) => `127.0.0.1:${ports[name]}`;
  const settings = { seconds, connections, images, streams };
  const goOf = (name) => goClient({ ...settings, http: at("http"), grpc: at(name), files: [file] });
  const { stream, ...others } = values.go ? goWays(goOf) : nodeWays({ ...settings, at, port: ports.http, file });
  const ways = values.stream ? { ...others, stream } : others;
  const costs = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  const warming = Math.ceil(WARM_SECONDS / seconds);
  for (let i = -warming; i < rounds; i++) {
    for (const [name, round] of Object.entries(ways)) {
      const before = await spent();
      const calls = await round();
      if (i >= 0) costs[name].push(((await spent()) - before) / calls);
    }
  }
  const words = {
    http: "our routes over HTTP",
    grpc: "our routes over gRPC",
    http2: "Node's HTTP/2 alone",
    "grpc-js": "@grpc/grpc-js alone",
    stream: "our routes over a stream of gRPC",
  };
  const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
  for (const [name, list] of Object.entries(costs)) {
    // what else the machine does touches the ways of one round alike
    const ratio = median(list.map((cost, i) => cost / costs.http[i]));
    const least = Math.min(...list);
    console.log(
      `${words[name]}: ${median(list).toFixed(3)} ms of processor time a call (${least.toFixed(3)} at least), ${ratio.toFixed(2)} of HTTP's`,
    );
  }
  child.kill("SIGKILL");
  process.exit(0);
}

/** Each way as a function of one round, which tells how many calls it made; Go's clients. */
function goWays(goOf) {
  const [ours, http2, bare] = ["grpc", "http2", "grpc-js"].map((name) => goOf(name));
  const over = (client, name) => async () => (await client.round(name)).calls;
  return {
    http: over(ours, "http"),
    grpc: over(ours, "grpc"),
    http2: over(http2, "grpc"),
    "grpc-js": over(bare, "grpc"),
    stream: over(ours, "stream"),
  };
}

/** The same with Node's clients. */
function nodeWays({ seconds, connections, images, streams, at, port, file }) {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(file.length);
  const tensor = Buffer.concat(Array.from({ length: images }, () => [length, file]).flat());
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const inputs = [{ name: "image", datatype: "BYTES", shape: [images] }];
  const parameters = { binary_data_size: tensor.length };
  const head = Buffer.from(JSON.stringify({ parameters: { binary_data_output: true }, inputs: [{ ...inputs[0], parameters }] }));
  const body = Buffer.concat([head, tensor]);
  const http = () =>
    new Promise((done, failed) => {
      const headers = {
        "content-type": "application/octet-stream",
        "content-length": body.length,
        "inference-header-content-length": head.length,
      };
      const call = request({ agent, port, path: "/v2/models/tiny/infer", method: "POST", headers }, (response) => {
        response.resume().on("end", () => (response.statusCode === 200 ? done() : failed(new Error(`HTTP ${response.statusCode}`))));
      });
      call.on("error", failed).end(body);
    });
  const over = (name) => {
    const make = () => new GRPCInferenceService(at(name), grpc.credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
    const clients = Array.from({ length: connections }, make);
    const message = { model_name: "tiny", inputs, raw_input_contents: [tensor] };
    return (worker) =>
      new Promise((done, failed) => clients[worker].ModelInfer(message, (error) => (error === null ? done() : failed(error))));
  };
  const overStreams = () => {
    const shared = Array.from({ length: streams }, () => {
      const client = new GRPCInferenceService(at("grpc"), grpc.credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
      const stream = client.ModelStreamInfer();
      const waiting = [];
      stream.on("data", ({ error_message: error }) => waiting.shift()(error));
      return { stream, waiting };
    });
    const message = { model_name: "tiny", inputs, raw_input_contents: [tensor] };
    return (worker) =>
      new Promise((done, failed) => {
        const { stream, waiting } = shared[worker % streams];
        waiting.push((error) => (error ? failed(new Error(error)) : done()));
        stream.write(message);
      });
  };
  const round = (ask) => async () => {
    let answered = 0;
    const until = performance.now() + seconds * 1000;
    const work = async (_, worker) => {
      for (; performance.now() < until; answered++) await ask(worker);
    };
    await Promise.all(Array.from({ length: connections }, work));
    return answered;
  };
  return {
    http: round(http),
    grpc: round(over("grpc")),
    http2: round(over("http2")),
    "grpc-js": round(over("grpc-js")),
    stream: round(overStreams()),
  };
}
