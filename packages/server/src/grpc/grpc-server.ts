// The Open Inference Protocol v2 over gRPC: each call is asked of this server's own /v2 routes, in this process, so keys, scopes, limits, audit log,
// metrics, deadlines and draining are theirs and cannot differ. A client of gRPC is no browser: what only browsers say is not asked for.

import { isIP } from "node:net";
import { fileURLToPath } from "node:url";
import type { ServerUnaryCall, ServiceDefinition, ServiceError, sendUnaryData } from "@grpc/grpc-js";
import type { FastifyInstance } from "fastify";
import { ServerError } from "../errors.js";
import { askInProcess } from "../lifecycle/in-process.js";
import { addressError } from "../lifecycle/listen.js";
import type { ServingOptions } from "../options.js";
import type { DecodedRequest, InferAnswer } from "../tensors/infer-codec.js";
import { boundedCalls } from "./bounded-calls.js";
import { ConnectionAges } from "./connection-age.js";
import { callerOf, type HttpAnswer, inferPath, json, modelPath } from "./grpc-callers.js";
import { grpcCredentials } from "./grpc-credentials.js";
import { addHealth } from "./grpc-health.js";
import { askedRequest, inferResponse } from "./grpc-messages.js";
import { addReflection } from "./grpc-reflection.js";
import { statusOf } from "./grpc-status.js";
import { type GrpcInferRequest, inferRequest } from "./infer-request.js";
import { readable, readOf } from "./readable-service.js";
import { OpenStreams } from "./streamed-call.js";

const PROTO = fileURLToPath(new URL("../../proto/open-inference.proto", import.meta.url));
/** How long a connection lives: then its client is told to open another, for balancers to spread anew; calls on it are answered. */
const CONNECTION_MS = 1_800_000;
/** Calls of one connection at once. */
const MAX_CALLS = 1000;

interface Ask {
  (method: "GET" | "POST", path: string, body?: object): Promise<HttpAnswer>;
  /** the same route of /v2 as over HTTP, without a body written for it */
  infer(path: string, bytes: number, asked: () => DecodedRequest): Promise<InferAnswer>;
}
type Answer = (ask: Ask, request: never) => Promise<object>;

/** An app's gRPC side: `listen` it after the app; it ends with the app. */
export interface GrpcServer {
  /** @returns "grpc://127.0.0.1:8001". @throws ServerError `port_in_use`, `bad_address` */
  listen(): Promise<string>;
}

/**
 * Prepares gRPC for an app, before the app listens. @throws ServerError `bad_option` where no port is named, or TLS files cannot be read
 * @example const grpc = await grpcServer(app, options); await listen(app, options); await grpc.listen();
 */
export async function grpcServer(
  app: FastifyInstance,
  options: ServingOptions,
  { connectionMs = CONNECTION_MS }: { readonly connectionMs?: number } = {},
): Promise<GrpcServer> {
  const [grpc, { loadSync }] = await Promise.all([import("@grpc/grpc-js"), import("@grpc/proto-loader")]);
  // what it writes to stderr by itself may quote what a client sent
  grpc.setLogVerbosity(grpc.logVerbosity.NONE);
  const { grpcPort: port, host } = options;
  if (port === undefined) throw new ServerError("bad_option", "grpcPort — expected a port, got none. Name one.");
  const credentials = await grpcCredentials(grpc, app, options);
  const protocol = loadSync(PROTO, { keepCase: true, longs: String, defaults: true, arrays: true, objects: true, oneofs: true });
  const loaded = grpc.loadPackageDefinition(protocol);
  const { service } = (loaded["inference"] as unknown as { GRPCInferenceService: { service: ServiceDefinition } }).GRPCInferenceService;
  const server = new grpc.Server({
    interceptors: [boundedCalls(grpc, new OpenStreams(grpc, app, options), options.maxBodyBytes, new ConnectionAges(connectionMs))],
    "grpc.max_concurrent_streams": MAX_CALLS,
    "grpc.max_receive_message_length": options.maxBodyBytes,
    "grpc.max_metadata_size": 16 * 1024,
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
    // its own counts of every call, which nobody can ask for here: metrics are the routes'
    "grpc.enable_channelz": 0,
  });
  const implementation = Object.fromEntries(
    Object.entries(ANSWERS).map(([name, answer]) => [
      name,
      (call: ServerUnaryCall<unknown, object>, done: sendUnaryData<object>) => {
        answered(app, call, answer).then(
          (response) => done(null, response),
          (error: unknown) => {
            done(statusOf(grpc, error) as Partial<ServiceError>);
          },
        );
      },
    ]),
  );
  server.addService(readable(service, { ModelInfer: { read: inferRequest, write: (bytes) => bytes } }), implementation);
  const definition = { ...protocol, ...(await addHealth(grpc, server, app)) };
  await addReflection(grpc, server, app, definition);
  app.addHook("preClose", async () => {
    const quiet = new Promise<void>((done) => server.tryShutdown(() => done()));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((done) => {
      timer = setTimeout(done, options.drainMs);
    });
    await Promise.race([quiet, late]);
    clearTimeout(timer);
    server.forceShutdown();
  });
  return {
    listen: () =>
      new Promise((resolve, reject) => {
        const address = isIP(host) === 6 ? `[${host}]` : host;
        server.bindAsync(`${address}:${port}`, credentials, (error, bound) => {
          if (error === null) return resolve(`${options.tlsCert === undefined ? "grpc" : "grpcs"}://${address}:${bound}`);
          reject(addressError(error, port, { port: "grpc-port", host: "host" }));
        });
      }),
  };
}

/** One call: its keys, deadline and end go with it. */
async function answered(app: FastifyInstance, call: ServerUnaryCall<unknown, object>, answer: Answer): Promise<object> {
  const message = readOf(call.request);
  let leave = () => {};
  // told of every call that ends
  call.on("cancelled", () => leave());
  const { headers, remoteAddress } = callerOf(call);
  const ask = async (method: "GET" | "POST", url: string, payload?: object): Promise<HttpAnswer> => {
    const left = new AbortController();
    leave = () => left.abort();
    try {
      const reply = await app.inject({
        ...{ method, url, remoteAddress, signal: left.signal, headers },
        ...(payload === undefined ? {} : { payload }),
      });
      return { status: reply.statusCode, text: reply.payload };
    } catch (cause) {
      if (left.signal.aborted)
        throw new ServerError("client_closed", "client — expected to wait for the answer, got a cancelled call.", { cause });
      throw new ServerError("not_ready", "the server — expected to be serving, got one that closes. Ask another.", { cause });
    }
  };
  const infer: Ask["infer"] = async (url, bytes, asked) => {
    const asking = askInProcess<() => DecodedRequest, InferAnswer>(app, {
      url,
      ...{ headers, remoteAddress },
      bytes,
      asked,
    });
    leave = asking.leave;
    const { made, ...refused } = await asking.answer;
    return refused.status === 200 && made !== undefined ? made : json(refused);
  };
  try {
    return await answer(Object.assign(ask, { infer }), message as never);
  } finally {
    leave = () => {};
  }
}

/** Loading and unloading by name: the names of parameters alone are told, whatever they hold. */
const change =
  (what: "load" | "unload"): Answer =>
  async (ask, { model_name: name, parameters }: { model_name: string; parameters: Readonly<Record<string, object>> }) => {
    modelPath(name, "");
    const named = Object.fromEntries(Object.keys(parameters).map((key) => [key.slice(0, 64), true]));
    json(await ask("POST", `/v2/repository/models/${encodeURIComponent(name)}/${what}`, { parameters: named }));
    return {};
  };

const ANSWERS: Readonly<Record<string, Answer>> = {
  RepositoryModelLoad: change("load"),
  RepositoryModelUnload: change("unload"),
  ServerLive: async (ask) => ({ live: (await ask("GET", "/v2/health/live")).status === 200 }),
  ServerReady: async (ask) => ({ ready: (await ask("GET", "/v2/health/ready")).status === 200 }),
  async ModelReady(ask, { name, version }: { name: string; version: string }) {
    const answer = await ask("GET", `${modelPath(name, version)}/ready`);
    return { ready: answer.status !== 503 && json<{ ready: boolean }>(answer).ready };
  },
  ServerMetadata: async (ask) => json(await ask("GET", "/v2")),
  ModelMetadata: async (ask, { name, version }: { name: string; version: string }) => json(await ask("GET", modelPath(name, version))),
  async ModelInfer(ask, request: GrpcInferRequest) {
    const path = inferPath(request.model_name, request.model_version);
    return inferResponse(await ask.infer(path, request.size, () => askedRequest(request)));
  },
  RepositoryIndex: async (ask, { ready }: { ready: boolean }) => ({
    models: json(await ask("POST", "/v2/repository/index", { ready })),
  }),
};
