// What tools and platforms ask of a gRPC server beside its protocol: reflection (grpcurl, Postman) behind the key, and health (Kubernetes' probes,
// balancers) without one. By grpc-js's own client, and by grpcurl where it is.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:http2";
import type { Engine } from "@biovlm/engine";
import { findProgram } from "@biovlm/testkit";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import type { FastifyInstance } from "fastify";
import descriptor from "protobufjs/ext/descriptor/index.js";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createServer, grpcServer, type ServingOptions, servingOptions } from "../../src/index.js";
import { metadata } from "./grpc-client.js";
import { framed, statusOf } from "./raw-call.js";

const keys = [{ name: "clinic", sha256: createHash("sha256").update("secret").digest("hex"), scopes: ["infer"] as const }];
const grpcurl = findProgram("grpcurl");
const model = { name: "tiny", embedDim: 128, modelDigest: "", device: "cpu", ready: true, loaded: true };
let ready: boolean;
let app: FastifyInstance;
let where: string;

async function served(given: Partial<ServingOptions> = {}): Promise<void> {
  const options = servingOptions({ grpcPort: 0, drainMs: 5000, ...given });
  const engine = { readiness: () => ({ ready }), model: () => model, models: () => [model], banks: () => [] } as unknown as Engine;
  app = await createServer({ engine, options, version: "0.1.0", keys });
  const there = await grpcServer(app, options);
  await app.ready();
  where = (await there.listen()).replace(/^grpc:\/\//, "");
}

const clients: grpc.Client[] = [];
/** A client of a service as its own package describes it. */
function clientOf(proto: string, name: string): grpc.Client {
  const loaded = loadSync(proto, { keepCase: false, longs: String, enums: String, defaults: true, oneofs: true });
  const service = name.split(".").reduce((at, part) => at[part] as grpc.GrpcObject, grpc.loadPackageDefinition(loaded));
  const client = new (service as unknown as grpc.ServiceClientConstructor)(where, grpc.credentials.createInsecure());
  clients.push(client);
  return client;
}

beforeEach(async () => {
  ready = true;
  await served();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await app.close();
});

type Duplex = grpc.ClientDuplexStream<object, Reflected>;
interface Reflected {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] };
  readonly errorResponse?: { readonly errorCode: number };
}

/** A stream of the reflection service, and its next answer to each message. */
function reflection(version: "v1" | "v1alpha", key = "secret") {
  const proto = new URL(
    `../../../../node_modules/@grpc/reflection/build/proto/grpc/reflection/${version}/reflection.proto`,
    import.meta.url,
  );
  const client = clientOf(proto.pathname, `grpc.reflection.${version}.ServerReflection`);
  const stream = (Reflect.get(client, "serverReflectionInfo") as (metadata: grpc.Metadata) => Duplex).call(client, metadata(key));
  const ended = new Promise<grpc.StatusObject>((done) => stream.on("status", done));
  stream.on("error", () => {});
  const ask = async (message: object): Promise<Reflected> => {
    stream.write(message);
    const [answer] = await once(stream, "data");
    return answer;
  };
  return { stream, ask, ended };
}

describe("reflection", () => {
  it.each(["v1", "v1alpha"] as const)("%s tells the services and their files, one message after the other", async (version) => {
    const { stream, ask, ended } = reflection(version);
    const { listServicesResponse } = await ask({ listServices: "*" });
    expect(listServicesResponse?.service.map(({ name }) => name).sort()).toEqual([
      "grpc.health.v1.Health",
      "inference.GRPCInferenceService",
    ]);
    expect((await ask({ fileContainingSymbol: "nothing.Here" })).errorResponse?.errorCode).toBe(grpc.status.NOT_FOUND);
    const { fileDescriptorResponse } = await ask({ fileContainingSymbol: "inference.GRPCInferenceService.ModelInfer" });
    expect((await ask({ fileByFilename: "inference.proto" })).fileDescriptorResponse).toEqual(fileDescriptorResponse);
    stream.end();
    expect((await ended).code).toBe(grpc.status.OK);
    // whoever reads the file has the messages that the server has
    const file = descriptor.FileDescriptorProto.decode(fileDescriptorResponse!.fileDescriptorProto[0]!) as descriptor.IFileDescriptorProto;
    const streams = file.service![0]!.method!.find(({ name }) => name === "ModelStreamInfer");
    expect(streams).toMatchObject({ clientStreaming: true, serverStreaming: true, outputType: ".inference.ModelStreamInferResponse" });
    const request = file.messageType!.find(({ name }) => name === "ModelInferRequest")!;
    expect(request.field!.map(({ name, number }) => [name, number])).toEqual([
      ["model_name", 1],
      ["model_version", 2],
      ["id", 3],
      ["parameters", 4],
      ["inputs", 5],
      ["outputs", 6],
      ["raw_input_contents", 7],
    ]);
    // other readers refuse a map whose entry is not called after its field as protoc does it
    expect(request.nestedType!.map(({ name }) => name)).toContain("ParametersEntry");
    expect(request.field!.find(({ name }) => name === "parameters")!.typeName).toBe("ParametersEntry");
  });

  it("needs the key that calls need, and is counted with them", async () => {
    for (const key of ["", "other"]) {
      const { stream, ended } = reflection("v1", key);
      stream.write({ listServices: "*" });
      expect((await ended).code, key).toBe(grpc.status.UNAUTHENTICATED);
    }
    await app.close();
    await served({ ratePerMinute: 2 });
    const { stream, ask, ended } = reflection("v1");
    for (let i = 0; i < 2; i++) await ask({ listServices: "*" });
    stream.write({ listServices: "*" });
    expect((await ended).code).toBe(grpc.status.RESOURCE_EXHAUSTED);
  });

  it("is no path of HTTP's", async () => {
    for (const method of ["GET", "POST"] as const) {
      const url = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
      const answer = await app.inject({ method, url, headers: { authorization: "Bearer secret" } });
      expect([answer.statusCode, answer.json().code], method).toEqual([404, "not_found"]);
    }
  });

  it("refuses damaged, large and too many messages as the client's fault, and holds nothing of them", async () => {
    const session = connect(`http://${where}`);
    session.on("error", () => {});
    const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    const code = (sent: Buffer, authorization = "Bearer secret") => statusOf(session, path, sent, { authorization });
    const list = framed(Buffer.from([0x3a, 1, 0x2a]));
    const { status } = grpc;
    expect(await code(Buffer.concat([list, list, list]))).toBe(status.OK);
    expect(await code(Buffer.concat(Array(65).fill(list)))).toBe(status.INVALID_ARGUMENT);
    expect(await code(framed(Buffer.from([0x0f])))).toBe(status.INVALID_ARGUMENT);
    expect(await code(framed(Buffer.alloc(70_000)))).toBe(status.RESOURCE_EXHAUSTED);
    expect(await code(framed(Buffer.alloc(5000)), "Bearer other")).toBe(status.UNAUTHENTICATED);
    await vi.waitFor(() => expect(app.callBounds.bytes.bytes).toBe(0));
    session.destroy();
  });

  it("keeps no server that stops: who has a stream open is told that it ends", async () => {
    const { ask, ended } = reflection("v1");
    await ask({ listServices: "*" });
    await app.close();
    expect((await ended).code).toBe(grpc.status.OK);
  });
});

describe("health", () => {
  const proto = new URL("../../../../node_modules/grpc-health-check/proto/health/v1/health.proto", import.meta.url).pathname;
  const check = (client: grpc.Client, service: string): Promise<unknown> =>
    new Promise((done) =>
      (Reflect.get(client, "check") as (...args: unknown[]) => void).call(
        client,
        { service },
        (error: grpc.ServiceError | null, answer: { status: string } | undefined) => done(error?.code ?? answer?.status),
      ),
    );

  it("is readiness as /readyz has it, and liveness while anything is answered, without a key", async () => {
    const client = clientOf(proto, "grpc.health.v1.Health");
    const readiness = ["", "inference.GRPCInferenceService", "readiness"];
    for (const now of [true, false, true]) {
      ready = now;
      for (const service of readiness) expect(await check(client, service), service).toBe(now ? "SERVING" : "NOT_SERVING");
      expect(await check(client, "liveness")).toBe("SERVING");
    }
    expect(await check(client, "nothing")).toBe(grpc.status.NOT_FOUND);
  });

  it("tells watchers of changes, a hundred of them, and ends with its server", { timeout: 20_000 }, async () => {
    const client = clientOf(proto, "grpc.health.v1.Health");
    const watch = () => {
      const call = (Reflect.get(client, "watch") as (request: object) => grpc.ClientReadableStream<{ status: string }>).call(client, {
        service: "",
      });
      const ended = new Promise<grpc.StatusObject>((done) => call.on("status", done));
      call.on("error", () => {});
      return { call, ended };
    };
    const one = watch();
    const heard: string[] = [];
    one.call.on("data", ({ status }) => heard.push(status));
    await vi.waitFor(() => expect(heard).toEqual(["SERVING"]));
    ready = false;
    await vi.waitFor(() => expect(heard).toEqual(["SERVING", "NOT_SERVING"]), { timeout: 10_000 });
    const others = Array.from({ length: 99 }, watch);
    await Promise.all(others.map(({ call }) => once(call, "data")));
    const late = watch();
    expect((await late.ended).code).toBe(grpc.status.RESOURCE_EXHAUSTED);
    // who leaves makes room
    others[0]!.call.cancel();
    await others[0]!.ended;
    await vi.waitFor(async () => {
      const again = watch();
      const came = await Promise.race([once(again.call, "data").then(() => "data"), again.ended]);
      expect(came).toBe("data");
    });
    await app.close();
    expect((await one.ended).code).toBe(grpc.status.OK);
  });
});

describe.skipIf(grpcurl === undefined)("grpcurl", () => {
  const run = async (...words: string[]): Promise<string> => {
    const child = spawn(grpcurl!, ["-plaintext", ...words], { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const from of [child.stdout, child.stderr])
      from.on("data", (data) => {
        said += data;
      });
    await once(child, "close");
    return said;
  };

  it("lists, describes and calls without a file, with a key", { timeout: 60_000 }, async () => {
    const key = ["-H", "authorization: Bearer secret"];
    expect((await run(...key, where, "list")).split("\n").sort()).toEqual(["", "grpc.health.v1.Health", "inference.GRPCInferenceService"]);
    expect(await run(...key, where, "describe", ".inference.ModelInferRequest")).toContain(
      "map<string, .inference.InferParameter> parameters = 4;",
    );
    expect(await run(...key, where, "describe", ".inference.InferParameter")).toMatch(/oneof parameter_choice \{\s+bool bool_param = 1;/);
    expect(await run(...key, where, "inference.GRPCInferenceService/ServerLive")).toMatch(/"live": true/);
    expect(await run(...key, "-d", '{"service": "readiness"}', where, "grpc.health.v1.Health/Check")).toMatch(/"status": "SERVING"/);
    expect(await run(where, "list")).toContain("Unauthenticated");
  });
});
