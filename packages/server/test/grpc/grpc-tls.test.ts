// gRPC under a certificate, renewed while calls run, and gRPC's calls on record: with grpc-js's client, and Triton's where a Python has it.

import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { createEngine, type Engine } from "@biovlm/engine";
import { findProgram, withoutProgram } from "@biovlm/testkit";
import { tinyBank } from "@biovlm/testkit/tiny-bank";
import * as grpc from "@grpc/grpc-js";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  auditingEngine,
  createServer,
  grpcServer,
  openAuditLog,
  renewCertificate,
  type ServingOptions,
  servingOptions,
  verifyAuditLog,
} from "../../src/index.js";
import { greyPng } from "../routes/grey-png.js";
import { ask, clientOf, metadata } from "./grpc-client.js";

const folder = mkdtempSync(join(tmpdir(), "biovlm-grpc-tls-"));
const [tlsCert, tlsKey, log] = [join(folder, "cert.pem"), join(folder, "key.pem"), join(folder, "audit.log")];
const keys = [{ name: "clinic", sha256: createHash("sha256").update("secret").digest("hex"), scopes: ["infer", "admin"] as const }];
const png = Buffer.from(greyPng(80, 60));
const image = (bytes = png) => ({ name: "image", datatype: "BYTES", shape: ["1"], contents: { bytes_contents: [bytes] } });
let engine: Engine;

beforeAll(async () => {
  const bytes = await tinyBank(["chest X-ray", "head CT"]);
  const serve = [{ name: "tiny", model: "tiny", bank: { name: "kinds", bytes } }];
  const made = await createEngine({ serve, device: "cpu", threads: 1, pool: 0 });
  await made.ready;
  engine = made.engine;
});
afterAll(async () => {
  await engine?.close(0);
  rmSync(folder, { recursive: true, force: true });
});

async function served(given: Partial<ServingOptions>, serves = engine): Promise<{ readonly app: FastifyInstance; readonly where: string }> {
  const options = servingOptions({ grpcPort: 0, drainMs: 2000, ...given });
  const app = await createServer({ engine: serves, options, version: "0.1.0", keys });
  const server = await grpcServer(app, options);
  await app.ready();
  return { app, where: await server.listen() };
}

describe.skipIf(withoutProgram("openssl"))("gRPC with a certificate", () => {
  const given = { tlsCert, tlsKey };
  /** A certificate for this machine under a name, with its key. */
  const certify = (name: string) => {
    const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    const words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", ...subject];
    execFileSync("openssl", [...words, "-keyout", tlsKey, "-out", tlsCert], { stdio: "ignore" });
    return readFileSync(tlsCert);
  };
  const trusting = (host: string, ca: Buffer) => clientOf(host, grpc.credentials.createSsl(ca));
  /** What a new connection is shown: the name, and the version of TLS. */
  const shown = (host: string, more: object = {}) =>
    new Promise<unknown[]>((resolve, reject) => {
      const port = Number(host.split(":").at(-1));
      const socket: TLSSocket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["h2"], ...more }, () => {
        resolve([socket.getPeerCertificate().subject.CN, socket.alpnProtocol]);
        socket.destroy();
      });
      socket.once("error", reject);
    });

  it("answers over TLS 1.2 and later whoever trusts it, and nobody else", async () => {
    const ca = certify("first.example");
    const { app, where } = await served(given);
    expect(where).toMatch(/^grpcs:\/\/127\.0\.0\.1:\d+$/);
    const host = where.replace("grpcs://127.0.0.1", "localhost");
    const client = trusting(host, ca);
    expect(await ask(client, "ServerLive", {})).toEqual({ live: true });
    expect(await ask(client, "ModelInfer", { model_name: "tiny", inputs: [image()] })).toMatchObject({ model_name: "tiny" });
    for (const other of [clientOf(host, grpc.credentials.createSsl()), clientOf(host, grpc.credentials.createInsecure())]) {
      const refused = await ask(other, "ServerLive", {}, { deadline: Date.now() + 2000 });
      expect([grpc.status.UNAVAILABLE, grpc.status.DEADLINE_EXCEEDED]).toContain(refused.code);
      other.close();
    }
    expect(await shown(host, { maxVersion: "TLSv1.2" })).toEqual(["first.example", "h2"]);
    await expect(shown(host, { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" })).rejects.toThrow();
    client.close();
    await app.close();
  });

  it("refuses files that are no pair before it listens", async () => {
    certify("first.example");
    const other = join(folder, "other.pem");
    copyFileSync(tlsKey, other);
    certify("second.example");
    const app = await createServer({ engine, options: servingOptions({ grpcPort: 0 }), version: "0.1.0" });
    for (const key of [other, join(folder, "absent.pem")]) {
      const options = servingOptions({ grpcPort: 0, tlsCert, tlsKey: key });
      await expect(grpcServer(app, options)).rejects.toMatchObject({ code: "bad_option", message: expect.stringMatching(/^TLS — /) });
    }
    await app.close();
  });

  it("shows a renewed certificate to new connections; calls that run and connections that are open live on", async () => {
    const first = certify("first.example");
    const { app, where } = await served(given);
    const host = where.replace("grpcs://127.0.0.1", "localhost");
    const client = trusting(host, first);
    expect(await ask(client, "ServerLive", {})).toEqual({ live: true });
    const running = ask(client, "ModelInfer", { model_name: "tiny", inputs: [image(Buffer.from(greyPng(1500, 1500)))] });
    const second = certify("second.example");
    expect(await shown(host)).toEqual(["first.example", "h2"]);
    await renewCertificate(app, given);
    expect(await shown(host)).toEqual(["second.example", "h2"]);
    expect((await running).outputs).toHaveLength(4);
    expect(await ask(client, "ServerLive", {})).toEqual({ live: true });
    const later = trusting(host, second);
    expect(await ask(later, "ServerLive", {})).toEqual({ live: true });

    writeFileSync(tlsCert, "no certificate");
    await expect(renewCertificate(app, given)).rejects.toMatchObject({ code: "bad_option" });
    expect(await shown(host)).toEqual(["second.example", "h2"]);
    client.close();
    later.close();
    await app.close();
  });

  const python = findProgram("tritonclient.grpc");
  it.skipIf(python === undefined)("is talked to by Triton's client over TLS", { timeout: 60_000 }, async () => {
    certify("first.example");
    const { app, where } = await served(given);
    const file = join(folder, "image.png");
    writeFileSync(file, png);
    const words = [
      join(import.meta.dirname, "triton-grpc-client.py"),
      where.replace("grpcs://127.0.0.1", "localhost"),
      "secret",
      file,
      tlsCert,
    ];
    try {
      const { stdout } = await promisify(execFile)(python!, words, { timeout: 60_000 });
      const said = JSON.parse(stdout);
      expect([said.live, said.id, said.probabilities.length, said.unloaded, said.loaded]).toEqual([
        true,
        "42",
        2,
        [false, "UNAVAILABLE"],
        true,
      ]);
      expect(said.no_key).toMatchObject({ status: "StatusCode.UNAUTHENTICATED" });
    } finally {
      await app.close();
    }
  });
});

describe("the audit log of a server with gRPC", () => {
  it("holds answers, refusals and changes as those over HTTP, and nothing of a caller whose key is refused", async () => {
    const audit = await openAuditLog(log);
    const { app, where } = await served({}, auditingEngine(engine, audit));
    const client = clientOf(where.slice("grpc://".length), grpc.credentials.createInsecure());
    const infer = { model_name: "tiny", inputs: [image()] };
    const headers = { authorization: "Bearer secret" };
    await ask(client, "ModelInfer", infer);
    await app.inject({
      ...{ method: "POST", url: "/v2/models/tiny/infer", headers },
      payload: { inputs: [{ name: "image", datatype: "BYTES", shape: [1], data: [png.toString("base64")] }] },
    });
    await ask(client, "ModelInfer", { model_name: "tiny", inputs: [image(png.subarray(0, 60))] });
    const streamed = (Reflect.get(client, "ModelStreamInfer") as (of: grpc.Metadata) => grpc.ClientDuplexStream<object, object>).call(
      client,
      metadata(),
    );
    for (const one of [image(), image(png.subarray(0, 60))]) streamed.write({ ...infer, inputs: [one] });
    streamed.resume().end();
    await new Promise((done) => streamed.on("status", done));
    await ask(client, "RepositoryModelUnload", { model_name: "tiny" });
    expect(await ask(client, "ModelInfer", infer)).toMatchObject({ code: grpc.status.UNAVAILABLE });
    await ask(client, "RepositoryModelLoad", { model_name: "tiny" });
    await app.inject({ method: "POST", url: "/v2/repository/models/tiny/load", headers, payload: {} });
    for (const key of ["", "other"]) {
      expect(await ask(client, "ModelInfer", infer, { key })).toMatchObject({ code: grpc.status.UNAUTHENTICATED });
      expect(await ask(client, "RepositoryModelUnload", { model_name: "tiny" }, { key })).toMatchObject({
        code: grpc.status.UNAUTHENTICATED,
      });
    }
    client.close();
    await app.close();
    await audit.close();
    expect(await verifyAuditLog(log)).toMatchObject({ ok: true });
    const records = readFileSync(log, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records.map(({ route, status, error }) => [route, status, error])).toEqual([
      ...Array(5).fill(["/v2/models/:model/infer", 200, undefined]),
      ["/v2/repository/models/:model/unload", 200, undefined],
      ["/v2/models/:model/infer", 503, "model_unloaded"],
      ["/v2/repository/models/:model/load", 200, undefined],
      ["/v2/repository/models/:model/load", 200, undefined],
    ]);
    const [answer, http, unreadable] = records;
    const what = ({ key, model, modelDigest, bankDigest, device, images }: Record<string, unknown>) => ({
      ...{ key, model, modelDigest, bankDigest, device, images },
    });
    expect(what(answer!)).toEqual(what(http!));
    expect(answer).toMatchObject({ key: "clinic", model: "tiny", modelDigest: expect.stringMatching(/^sha256:/) });
    expect(answer!["images"]).toMatchObject([{ sha256: createHash("sha256").update(png).digest("hex"), class: expect.any(String) }]);
    expect(answer!["request"]).not.toEqual(http!["request"]);
    expect(unreadable!["images"]).toMatchObject([{ error: "unreadable_image" }]);
    // of a stream what is done first is written first
    expect(records.slice(3, 5).map(what)).toEqual(expect.arrayContaining([what(answer!), what(unreadable!)]));
    expect(records.every(({ key }) => key === "clinic")).toBe(true);
  });
});
