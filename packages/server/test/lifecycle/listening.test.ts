// Where a server listens, and how it may be seen: TLS, a unix socket of its owner's, refusal of open addresses, spans for a tracer.

import { AsyncLocalStorage } from "node:async_hooks";
import { execFileSync, spawnSync } from "node:child_process";
import dns from "node:dns";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine, type Engine } from "@biovlm/engine";
import { withoutProgram } from "@biovlm/testkit";
import { type Context, context, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import type { FastifyInstance } from "fastify";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { createServer, listen, ServerError, type ServingOptions, servingOptions, traceRequests } from "../../src/index.js";

const folder = mkdtempSync(join(tmpdir(), "biovlm-listening-"));
let engine: Engine;
let app: FastifyInstance | undefined;
beforeAll(async () => {
  const made = await createEngine({ serve: [{ name: "tiny", model: "tiny" }], device: "cpu", threads: 1, pool: 0 });
  await made.ready;
  engine = made.engine;
}, 30_000);
afterEach(async () => {
  await app?.close();
  app = undefined;
});
afterAll(async () => {
  await engine.close(0);
  rmSync(folder, { recursive: true, force: true });
});

async function start(given: Partial<ServingOptions>, prepare?: (app: FastifyInstance) => Promise<void>, serves = engine) {
  const options = servingOptions({ port: 0, ...given });
  app = await createServer({ engine: serves, options, version: "0.1.0", ...(prepare === undefined ? {} : { prepare }) });
  return listen(app, options);
}

describe.skipIf(withoutProgram("openssl"))("with a certificate", () => {
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const get = (url: string, options: object) =>
    new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
      const call = httpsRequest(new URL("/livez", url), options, (response) => {
        let body = "";
        response.on("data", (part) => {
          body += part;
        });
        response.on("end", () => resolve({ status: response.statusCode, body }));
      });
      call.on("error", reject).end();
    });

  it("answers over TLS 1.2 and later to whoever trusts it, to nobody in plain, and refuses half a pair", async () => {
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...subject, "-keyout", key, "-out", cert], {
      stdio: "ignore",
    });
    const url = await start({ tlsCert: cert, tlsKey: key });
    expect(url).toMatch(/^https:/);
    const ca = readFileSync(cert);
    expect(await get(url, { ca })).toMatchObject({ status: 200, body: '{"status":"live"}' });
    await expect(get(url, {})).rejects.toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    await expect(get(url, { ca, minVersion: "TLSv1.1", maxVersion: "TLSv1.1" })).rejects.toThrow();
    await expect(fetch(url.replace("https", "http"))).rejects.toThrow();
    expect(() => servingOptions({ tlsCert: cert })).toThrow(expect.objectContaining({ code: "bad_option" }));
  });

  it("names a certificate that is none by code, not by stack", async () => {
    writeFileSync(join(folder, "none.pem"), "not a certificate");
    await expect(start({ tlsCert: join(folder, "none.pem"), tlsKey: key })).rejects.toMatchObject({ code: "bad_option" });
    await expect(start({ tlsCert: join(folder, "absent.pem"), tlsKey: key })).rejects.toMatchObject({ code: "bad_option" });
  });
});

describe("on a unix socket", () => {
  const socket = join(folder, "biovlm.sock");
  const get = () =>
    new Promise<number | undefined>((resolve, reject) => {
      httpRequest({ socketPath: socket, path: "/livez" }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });

  it("answers there, lets nobody else in, and takes the place of a socket that a killed server left", async () => {
    expect(await start({ socket })).toBe(`unix:${socket}`);
    expect(await get()).toBe(200);
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    await app!.close();
    app = undefined;
    // a socket file without a server behind it
    const killed = `require("node:net").createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, "SIGKILL"))`;
    expect(spawnSync(process.execPath, ["-e", killed], { timeout: 10_000 }).signal).toBe("SIGKILL");
    expect(existsSync(socket)).toBe(true);
    await start({ socket });
    expect(await get()).toBe(200);
  });

  it("leaves a file, and another server's socket, alone", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "mine");
    chmodSync(file, 0o644);
    await expect(start({ socket: file })).rejects.toMatchObject({ code: "conflict" });
    expect(readFileSync(file, "utf8")).toBe("mine");
    await app?.close();
    const other = createTcpServer().listen(socket);
    await new Promise((resolve) => other.once("listening", resolve));
    await expect(start({ socket })).rejects.toMatchObject({ code: "conflict" });
    expect(existsSync(socket)).toBe(true);
    await new Promise((resolve) => other.close(resolve));
  });
});

it("ends a connection with the answer to its last request, whatever else was sent on it", async () => {
  const { hostname, port } = new URL(await start({}));
  const socket = connect(Number(port), hostname);
  let answers = "";
  socket.on("data", (piece) => {
    answers += piece;
  });
  // what is sent after the end may be answered with a reset
  socket.on("error", () => {});
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(10_050));
  await closed;
  expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(Array(10_000).fill("HTTP/1.1 200"));
  expect(answers.match(/connection: close/gi)).toHaveLength(1);
});

describe("with a full queue", () => {
  /** An engine that takes nothing, and a socket to its server with the head of a request sent on it. */
  async function refused(given: Partial<ServingOptions>, bytes: number) {
    const full = Object.assign(Object.create(engine) as Engine, {
      refuseIfFull: () => {
        throw new ServerError("overloaded", "the queue — expected room for 1, got 16 waiting. Try again later.", { retryAfter: 7 });
      },
    });
    const { hostname, port } = new URL(await start(given, undefined, full));
    const socket = connect(Number(port), hostname);
    const heard = { text: "" };
    socket.on("data", (piece) => {
      heard.text += piece;
    });
    socket.on("error", () => {});
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const head = ["POST /v1/classify HTTP/1.1", "host: localhost", "content-type: image/png", `content-length: ${bytes}`];
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
    await vi.waitFor(() => expect(heard.text).toContain("overloaded"));
    return { socket, heard, closed };
  }

  it("refuses an image before it is sent, and answers the next request on the same connection", async () => {
    const { socket, heard } = await refused({}, 300_000);
    expect(heard.text).toMatch(/^HTTP\/1\.1 429 /);
    expect(heard.text).toMatch(/^retry-after: 7\r$/im);
    // the image holds a request, which is not one
    const inside = Buffer.from("GET /v2 HTTP/1.1\r\nhost: localhost\r\n\r\n");
    socket.write(Buffer.concat([inside, Buffer.alloc(300_000 - inside.length)]));
    socket.write("GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n");
    await vi.waitFor(() => expect(heard.text).toContain('{"status":"live"}'));
    expect(heard.text.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 429", "HTTP/1.1 200"]);
    socket.destroy();
  });

  it("does not wait for ever for an image that it refused", async () => {
    const { socket, closed } = await refused({ requestTimeoutMs: 300 }, 300_000);
    const trickle = setInterval(() => socket.write("x"), 20);
    await closed;
    clearInterval(trickle);
  });
});

it("is one server where localhost has several addresses", async () => {
  const lookup = (name: string, ...rest: [{ all?: boolean }, unknown] | [unknown]) => {
    const told = rest.at(-1) as (...found: unknown[]) => void;
    const found = name === "localhost" ? ["127.0.0.1", "127.0.0.2"] : [name];
    const [options] = rest.length === 2 ? rest : [{ all: false }];
    // Node asks for all of them from version 24 on, before for one
    if (options.all === true)
      told(
        null,
        found.map((address) => ({ address, family: 4 })),
      );
    else told(null, found[0], 4);
  };
  const looked = vi.spyOn(dns, "lookup").mockImplementation(lookup as unknown as typeof dns.lookup);
  try {
    const url = await start({ host: "localhost" });
    expect(app!.addresses()).toEqual([{ address: "127.0.0.1", family: "IPv4", port: Number(new URL(url).port) }]);
    expect((await fetch(new URL("/livez", url))).status).toBe(200);
  } finally {
    looked.mockRestore();
  }
});

it("refuses every address beyond loopback without keys, unless told to", async () => {
  for (const host of ["0.0.0.0", "::", "192.0.2.1", "example.org"]) {
    await expect(start({ host })).rejects.toMatchObject({ code: "bad_option" });
  }
  // and says what it listens on, not the loopback address that it can be reached at from here
  expect(await start({ host: "0.0.0.0", insecure: true })).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/);
});

it("makes one span a request for a tracer, by route and without names, under which its handler's spans nest; and marks faults", async () => {
  const spans: { name: string; attributes: Record<string, unknown>; ended: boolean; under: string | undefined }[] = [];
  const store = new AsyncLocalStorage<Context>();
  context.setGlobalContextManager({
    active: () => store.getStore() ?? ROOT_CONTEXT,
    with: (inner: Context, run: (...args: never[]) => unknown, that: unknown, ...args: never[]) =>
      store.run(inner, () => run.apply(that, args)),
    bind: (_context: Context, target: unknown) => target,
    enable: () => undefined,
    disable: () => undefined,
  } as never);
  trace.setGlobalTracerProvider({
    getTracer: () =>
      ({
        startSpan(name: string, options: { attributes?: Record<string, unknown> }, parent = context.active()) {
          const under = (trace.getSpan(parent) as unknown as { name?: string } | undefined)?.name;
          const span = {
            ...{ name, attributes: { ...options?.attributes }, ended: false, under },
            setStatus: () => span,
            setAttribute(key: string, value: unknown) {
              span.attributes[key] = value;
              return span;
            },
            end() {
              span.ended = true;
            },
          };
          spans.push(span);
          return span;
        },
      }) as never,
  });
  try {
    const url = await start({}, async (app) => {
      await traceRequests(app);
      app.post("/nested", { schema: { hide: true } }, async (request) => {
        trace
          .getTracer("test")
          .startSpan(`inside ${(request.body as Uint8Array).length}`, {})
          .end();
        return "done";
      });
    });
    await fetch(`${url}/livez?patient=Jane`);
    await fetch(`${url}/v1/banks/Jane-Doe`);
    await fetch(`${url}/nested`, {
      method: "POST",
      body: new Uint8Array(300_000),
      headers: { "content-type": "application/octet-stream" },
    });
    expect(spans.map((s) => [s.name, s.attributes["http.response.status_code"], s.ended, s.under])).toEqual([
      ["GET /livez", 200, true, undefined],
      ["GET /v1/banks/:name", 404, true, undefined],
      ["POST /nested", 200, true, undefined],
      ["inside 300000", undefined, true, "POST /nested"],
    ]);
    expect(spans[0]!.attributes).toMatchObject({
      "url.scheme": "http",
      "server.address": "127.0.0.1",
      "server.port": Number(new URL(url).port),
    });
    expect(spans[0]!.attributes["error.type"]).toBeUndefined();
    expect(spans[1]!.attributes["error.type"]).toBe("unknown_bank");
    expect(JSON.stringify(spans)).not.toMatch(/Jane/);
  } finally {
    trace.disable();
    context.disable();
  }
});
