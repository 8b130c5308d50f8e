// fetch through a proxy and with a CA of one's own: local servers, a local proxy. The names asked for exist nowhere: only the proxy can reach them.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withoutProgram } from "@biovlm/testkit";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { connectionAdvice, networkFetch } from "../src/node/index.js";

const folder = mkdtempSync(join(tmpdir(), "biovlm-proxy-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const open: Server[] = [];
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(open.splice(0).map((server) => new Promise((done) => server.close(done))));
});

async function listening(server: Server): Promise<number> {
  open.push(server);
  server.on("connection", (socket: Socket) => void sockets.add(socket));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return (server.address() as AddressInfo).port;
}

/** Sends whatever is asked for to one port of this machine, and keeps what it was asked. */
async function proxy(target: number, password?: string): Promise<{ readonly url: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const wanted = password === undefined ? undefined : `Basic ${Buffer.from(`clinic:${password}`).toString("base64")}`;
  const allowed = (request: IncomingMessage) => wanted === undefined || request.headers["proxy-authorization"] === wanted;
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(allowed(request) ? 200 : 407).end("through the proxy");
  });
  server.on("connect", (request: IncomingMessage, socket: Socket) => {
    asked.push(`CONNECT ${request.url}`);
    if (!allowed(request)) return void socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    const to = connect(target, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      to.pipe(socket).pipe(to);
    });
    sockets.add(to);
    for (const one of [to, socket]) one.on("error", () => {});
  });
  return { url: `http://${password === undefined ? "" : `clinic:${password}@`}127.0.0.1:${await listening(server)}`, asked };
}

/** A server for https://hub.test whose certificate only our CA file knows. */
function secure(answer: RequestListener): { readonly server: Server; readonly ca: string } {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=hub.test", "-addext", "subjectAltName=DNS:hub.test,IP:127.0.0.1"];
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...subject, "-keyout", key, "-out", cert], {
    stdio: "ignore",
  });
  return { server: createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, answer) as unknown as Server, ca: cert };
}

describe("networkFetch", () => {
  it("is the platform's own where no variable asks for more", async () => {
    expect(await networkFetch({})).toBe(globalThis.fetch);
    expect(await networkFetch({ HTTPS_PROXY: "", NO_PROXY: "x" })).toBe(globalThis.fetch);
  });

  it("asks through the proxy, in either case of the variable, but never for this machine or what NO_PROXY names", async () => {
    const direct = await listening(createServer((_, response) => void response.end("direct")));
    for (const name of ["HTTP_PROXY", "http_proxy", "ALL_PROXY"]) {
      const { url, asked } = await proxy(direct);
      const get = async (address: string, more = {}) => (await (await networkFetch({ [name]: url, ...more }))(address)).text();
      expect(await get("http://hub.test/a"), name).toBe("through the proxy");
      expect(asked, name).toEqual(["GET http://hub.test/a"]);
      expect(await get(`http://127.0.0.1:${direct}/`), name).toBe("direct");
      expect(await get(`http://localhost:${direct}/`), name).toBe("direct");
      const around = get("http://hub.test/a", { NO_PROXY: "other.test,.test" }).catch((error) => connectionAdvice(error, {}).reason);
      expect(await around, name).toMatch(/ENOTFOUND|EAI_AGAIN/);
      expect(asked, name).toHaveLength(1);
    }
  });

  it("gives a proxy the name and password of its address, and says that they are wanted", async () => {
    const target = await listening(createServer((_, response) => void response.end("direct")));
    const { url, asked } = await proxy(target, "s3cret");
    expect((await (await networkFetch({ HTTP_PROXY: url }))("http://hub.test/")).status).toBe(200);
    const nameless = { HTTPS_PROXY: url.replace("clinic:s3cret@", "") };
    const error = await (await networkFetch(nameless))("https://hub.test/").catch((cause: unknown) => cause);
    const { reason, remedy } = connectionAdvice(error, nameless);
    expect(reason).toMatch(/407/);
    expect(remedy).toMatch(/HTTPS_PROXY=http:\/\/name:password@/);
    expect(asked).toContain("CONNECT hub.test:443");
  });

  it("says which variable is wrong", async () => {
    for (const HTTPS_PROXY of ["socks5://127.0.0.1:1", "127.0.0.1:3128", "nonsense"]) {
      await expect(networkFetch({ HTTPS_PROXY }), HTTPS_PROXY).rejects.toMatchObject({ code: "bad_argument" });
    }
    const noPem = join(folder, "no.pem");
    writeFileSync(noPem, "not a certificate");
    await expect(networkFetch({ SSL_CERT_FILE: noPem })).rejects.toThrow(/SSL_CERT_FILE — expected a PEM file/);
    await expect(networkFetch({ REQUESTS_CA_BUNDLE: join(folder, "none.pem") })).rejects.toMatchObject({ code: "not_found" });
  });

  it("names a proxy that is not there without its password", async () => {
    const env = { HTTPS_PROXY: "http://clinic:s3cret@127.0.0.1:9" };
    const error = await (await networkFetch(env))("https://hub.test/").catch((cause: unknown) => cause);
    const said = JSON.stringify(connectionAdvice(error, env));
    expect(said).toMatch(/ECONNREFUSED.*HTTPS_PROXY/);
    expect(said).not.toContain("s3cret");
  });

  it.skipIf(withoutProgram("openssl"))("trusts the CA of a file beside the public ones, directly and through a tunnel", async () => {
    const { server, ca } = secure((_, response) => void response.end("inspected"));
    const port = await listening(server);
    const { url, asked } = await proxy(port);
    const failed = await (await networkFetch({ HTTPS_PROXY: url }))("https://hub.test/").catch((cause: unknown) => cause);
    expect(connectionAdvice(failed, {})).toMatchObject({
      reason: "DEPTH_ZERO_SELF_SIGNED_CERT",
      remedy: expect.stringContaining("SSL_CERT_FILE"),
    });
    for (const name of ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]) {
      const through = await (await networkFetch({ HTTPS_PROXY: url, [name]: ca }))("https://hub.test/");
      expect(await through.text(), name).toBe("inspected");
      const direct = await (await networkFetch({ [name]: ca }))(`https://127.0.0.1:${port}/`);
      expect(await direct.text(), name).toBe("inspected");
    }
    expect(new Set(asked)).toEqual(new Set(["CONNECT hub.test:443"]));
  });
});
