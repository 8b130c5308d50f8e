// The image's health check, run as the file has it: healthy on the port and with the TLS that the variables name, ill where nobody is ready.

import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withoutProgram } from "@biovlm/testkit";
import { afterAll, afterEach, expect, it } from "vitest";

const file = readFileSync(join(import.meta.dirname, "../../../deploy/Dockerfile"), "utf8");
const [, command = "[]"] = /^HEALTHCHECK .*? CMD (\[.*\])$/m.exec(file) ?? [];
const [program = "", ...words] = JSON.parse(command) as string[];
const folder = mkdtempSync(join(tmpdir(), "biovlm-health-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const open: Server[] = [];
afterEach(() => Promise.all(open.splice(0).map((server) => new Promise((done) => server.close(done)))));

async function port(server: Server): Promise<string> {
  open.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return String((server.address() as AddressInfo).port);
}
const exitCode = (env: Record<string, string>) =>
  new Promise<number>((done) => {
    expect(program).toBe("node");
    execFile(process.execPath, words, { env }, (error) => done(error === null ? 0 : Number(error.code)));
  });
const ready = (status: number) =>
  createServer((request, response) => void response.writeHead(request.url === "/readyz" ? status : 404, { connection: "close" }).end());

it("says healthy where the server is ready, on the port of BIOVLM_PORT, and ill where it is not or nobody listens", async () => {
  expect(await exitCode({ BIOVLM_PORT: await port(ready(200)) })).toBe(0);
  expect(await exitCode({ BIOVLM_PORT: await port(ready(503)) })).toBe(1);
  const gone = createServer();
  const free = await port(gone);
  await new Promise((done) => open.pop()!.close(done));
  expect(await exitCode({ BIOVLM_PORT: free })).toBe(1);
});

it.skipIf(withoutProgram("openssl"))("asks over TLS where BIOVLM_TLS_CERT is set, whatever name the certificate has", async () => {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const made = ["-subj", "/CN=viewer.example", "-keyout", key, "-out", cert];
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...made], { stdio: "ignore" });
  const server = createTlsServer(
    { key: readFileSync(key), cert: readFileSync(cert) },
    (_, response) => void response.writeHead(200, { connection: "close" }).end(),
  );
  const at = await port(server as unknown as Server);
  expect(await exitCode({ BIOVLM_PORT: at, BIOVLM_TLS_CERT: cert })).toBe(0);
  expect(await exitCode({ BIOVLM_PORT: at })).toBe(1);
});
