// An archive that misbehaves: a local server with every fault an archive or a proxy before it can have.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withoutProgram } from "@biovlm/testkit";
import { afterEach, describe, expect, it } from "vitest";
import { authorizationOf, openArchive } from "../src/index.js";

type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;
let stop: (() => Promise<void>) | undefined;
afterEach(async () => {
  await stop?.();
  stop = undefined;
});

async function serve(handler: Handler): Promise<string> {
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => handler(request, response, Buffer.concat(pieces)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stop = () =>
    new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/dicom-web`;
}

const row = (n: number) => ({
  "00080016": { vr: "UI", Value: ["1.2.840.10008.5.1.4.1.1.2"] },
  "00080018": { vr: "UI", Value: [`2.25.${n}`] },
  "0020000E": { vr: "UI", Value: ["2.25.7"] },
  "00080060": { vr: "CS", Value: ["CT"] },
});
const json = (response: ServerResponse, value: unknown, status = 200) =>
  response.writeHead(status, { "content-type": "application/dicom+json" }).end(JSON.stringify(value));
const quick = { backoffMs: 1, timeoutMs: 2000 };
const reference = { study: "2.25.1", series: "2.25.7", instance: "2.25.9", sopClass: "1.2.3", modality: "CT" };
const multipart = (response: ServerResponse, body: string, boundary = "b") =>
  response.writeHead(200, { "content-type": `multipart/related; type="application/dicom"; boundary="${boundary}"` }).end(body, "latin1");

describe("finding", () => {
  it("reads page after page, each instance once, in the order of its UIDs", async () => {
    const seen: string[] = [];
    const url = await serve((request, response) => {
      seen.push(request.url ?? "");
      const offset = Number(new URL(request.url ?? "", "http://x").searchParams.get("offset"));
      json(
        response,
        Array.from({ length: offset === 0 ? 1000 : 3 }, (_, i) => row(9999 - Math.max(0, offset - 1) - i)),
      );
    });
    const found = await openArchive({ url, ...quick }).findInstances("2.25.1");
    expect(found).toHaveLength(1002);
    expect(found[0]).toEqual({
      study: "2.25.1",
      series: "2.25.7",
      instance: "2.25.8998",
      sopClass: "1.2.840.10008.5.1.4.1.1.2",
      modality: "CT",
    });
    expect(seen).toHaveLength(2);
    expect(seen[0]).toMatch(/^\/dicom-web\/studies\/2\.25\.1\/instances\?/);
  });

  it("ends where an archive knows no offset and gives its first page again", async () => {
    let asked = 0;
    const url = await serve((_, response) => {
      asked++;
      json(
        response,
        Array.from({ length: 1000 }, (_, i) => row(i + 1)),
      );
    });
    expect(await openArchive({ url, ...quick }).findInstances("2.25.1")).toHaveLength(1000);
    expect(asked).toBe(2);
  });

  it.each([
    ["204", (r: ServerResponse) => r.writeHead(204).end(), "not_found"],
    ["an empty list", (r: ServerResponse) => json(r, []), "not_found"],
    ["404", (r: ServerResponse) => r.writeHead(404).end(), "not_found"],
    ["401", (r: ServerResponse) => r.writeHead(401).end(), "refused"],
    ["a redirect", (r: ServerResponse) => r.writeHead(302, { location: "http://127.0.0.1:1/" }).end(), "refused"],
    ["a web page", (r: ServerResponse) => r.writeHead(200).end("<html>"), "bad_answer"],
    ["an object", (r: ServerResponse) => json(r, {}), "bad_answer"],
    ["rows without UIDs", (r: ServerResponse) => json(r, [{}]), "bad_answer"],
    ["a UID that leaves its path", (r: ServerResponse) => json(r, [{ ...row(1), "0020000E": { Value: ["../../.."] } }]), "bad_answer"],
    ["500 for good", (r: ServerResponse) => r.writeHead(500).end(), "unavailable"],
    ["a connection that breaks", (r: ServerResponse) => r.destroy(), "network"],
  ])("%s is a typed error that holds no UID and no address", async (_, answer, code) => {
    const url = await serve((_, response) => answer(response));
    const failure = await openArchive({ url, tries: 3, ...quick, authorization: "Bearer SECRET" })
      .findInstances("2.25.424242")
      .catch((error) => error);
    expect(failure).toMatchObject({ code, package: "dicomweb" });
    expect(failure.message).not.toMatch(/424242|SECRET|127\.0\.0\.1/);
  });

  it("tries again after 503 and 429, heeding Retry-After, and then has the answer", async () => {
    let asked = 0;
    const url = await serve((_, response) => {
      asked++;
      if (asked === 1) response.writeHead(503).end();
      else if (asked === 2) response.writeHead(429, { "retry-after": "1" }).end();
      else json(response, [row(1)]);
    });
    expect(await openArchive({ url, ...quick }).findInstances("2.25.1")).toHaveLength(1);
    expect(asked).toBe(3);
  });

  it("refuses UIDs and addresses that are none before anything is sent", async () => {
    const archive = openArchive({ url: "http://127.0.0.1:1/dicom-web" });
    for (const uid of ["", "1", "1..2", "01.2", "1.2/../3", "1.2?x", "9".repeat(65), "1.2 "]) {
      await expect(archive.findInstances(uid), uid).rejects.toMatchObject({ code: "bad_argument" });
    }
    for (const url of ["", "archive", "ftp://a/b", "http://user:pw@a/b", "http://a/b?x=1", "http://a/b#c"]) {
      expect(() => openArchive({ url }), url).toThrow(expect.objectContaining({ code: "bad_argument" }));
    }
  });
});

describe("reading", () => {
  it("asks for the file as it is stored, and gives its bytes", async () => {
    const asked: string[] = [];
    const url = await serve((request, response) => {
      asked.push(`${request.headers.accept} ${request.headers.authorization}`);
      multipart(response, "preamble\r\n--b\r\nContent-Type: application/dicom\r\n\r\nDICM\r\n--x\r\n\xff\r\n--b--\r\n");
    });
    const bytes = await openArchive({ url, ...quick, authorization: authorizationOf("a:b") }).readInstance(reference);
    expect(Buffer.from(bytes).toString("latin1")).toBe("DICM\r\n--x\r\n\xff");
    expect(asked).toEqual([`multipart/related; type="application/dicom"; transfer-syntax=* Basic YTpi`]);
  });

  it("asks without a transfer syntax where an archive does not know the star", async () => {
    let asked = 0;
    const url = await serve((_, response) => {
      asked++;
      if (asked === 1) response.writeHead(406).end();
      else response.writeHead(200, { "content-type": "application/dicom" }).end("DICM");
    });
    expect(Buffer.from(await openArchive({ url, ...quick }).readInstance(reference)).toString()).toBe("DICM");
  });

  it.each([
    ["no boundary", (r: ServerResponse) => r.writeHead(200, { "content-type": "multipart/related" }).end("x"), "bad_answer"],
    ["no closing boundary", (r: ServerResponse) => multipart(r, "--b\r\n\r\nDICM\r\n"), "bad_answer"],
    ["another boundary", (r: ServerResponse) => multipart(r, "--c\r\n\r\nDICM\r\n--c--"), "bad_answer"],
    ["no part", (r: ServerResponse) => multipart(r, "--b--"), "bad_answer"],
    ["two parts", (r: ServerResponse) => multipart(r, "--b\r\n\r\nA\r\n--b\r\n\r\nB\r\n--b--"), "bad_answer"],
    ["too many bytes", (r: ServerResponse) => multipart(r, "x".repeat(4000)), "too_large"],
    [
      "too many bytes, unannounced",
      (r: ServerResponse) => {
        r.writeHead(200);
        for (let i = 0; i < 40; i++) r.write("x".repeat(100));
        r.end();
      },
      "too_large",
    ],
    ["no answer in time", () => {}, "network"],
  ])("%s is a typed error", async (_, answer, code) => {
    const url = await serve((_, response) => answer(response));
    await expect(
      openArchive({ url, tries: 2, backoffMs: 1, timeoutMs: 200, maxInstanceBytes: 2000 }).readInstance(reference),
    ).rejects.toMatchObject({ code });
  });

  it("stops at the caller's signal, also between two tries", async () => {
    const url = await serve((_, response) => response.writeHead(503, { "retry-after": "30" }).end());
    const stopper = new AbortController();
    const reading = openArchive({ url, ...quick, signal: stopper.signal }).readInstance(reference);
    setTimeout(() => stopper.abort(), 50);
    await expect(reading).rejects.toMatchObject({ code: "aborted" });
  });
});

describe("storing", () => {
  it("sends each file as a part, with a boundary that stands in none of them", async () => {
    let got = { type: "", body: "" };
    const url = await serve((request, response, body) => {
      got = { type: request.headers["content-type"] ?? "", body: body.toString("latin1") };
      json(response, {});
    });
    await openArchive({ url, ...quick }).store([Buffer.from("one biovlm-part-0 \xff", "latin1"), Buffer.from("two")]);
    expect(got.type).toBe(`multipart/related; type="application/dicom"; boundary=biovlm-part-1`);
    expect(got.body.split("--biovlm-part-1")).toHaveLength(4);
    expect(got.body).toContain("one biovlm-part-0 \xff");
  });

  it.each([
    [202, { "00081198": { vr: "SQ", Value: [{ "00081197": { vr: "US", Value: [272] } }] } }, /failure reason 272/],
    [409, { nothing: "of use" }, /got 409/],
    [202, "no JSON object", /got 202/],
  ])("%i says that it was not stored, and why where the archive does", async (status, body, message) => {
    const url = await serve((_, response) => json(response, body, status));
    const failure = await openArchive({ url, ...quick })
      .store([Buffer.from("x")])
      .catch((error) => error);
    expect(failure).toMatchObject({ code: "not_stored" });
    expect(failure.message).toMatch(message);
  });
});

describe("credentials", () => {
  it("are a token, or name and password; anything else is refused unsaid", () => {
    expect(authorizationOf("abc.def\n")).toBe("Bearer abc.def");
    expect(authorizationOf("bearer abc")).toBe("bearer abc");
    expect(authorizationOf("ann:pä:x")).toBe(`Basic ${Buffer.from("ann:pä:x").toString("base64")}`);
    for (const bad of ["", " \n", "TOKEN\nX-Evil: 1", "TOKEN".repeat(4000)]) {
      let message = "";
      try {
        authorizationOf(bad);
      } catch (error) {
        message = String(error);
      }
      expect(message).toContain("credentials");
      expect(message).not.toMatch(/TOKEN|Evil/);
    }
  });
});

describe.skipIf(withoutProgram("openssl"))("an archive with a certificate of its own", () => {
  it("is asked where its certificate is named, and refused at once where it is not", async () => {
    const folder = mkdtempSync(join(tmpdir(), "biovlm-archive-"));
    const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
    execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...subject, "-keyout", key, "-out", cert], {
      stdio: "ignore",
    });
    const pem = readFileSync(cert, "utf8");
    rmSync(cert);
    let asked = 0;
    const server = createSecureServer({ cert: pem, key: readFileSync(key) }, (_, response) => {
      asked++;
      json(response, [row(1)]);
    });
    rmSync(folder, { recursive: true });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    stop = () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      });
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/dicom-web`;
    expect(await openArchive({ url, ...quick, ca: pem }).findInstances("2.25.1")).toHaveLength(1);
    // a pause between tries would take longer than the test may
    const refused = openArchive({ url, timeoutMs: 5000, backoffMs: 30_000 }).findInstances("2.25.1");
    await expect(refused).rejects.toMatchObject({ code: "network", message: expect.stringContaining("SELF_SIGNED") });
    expect(asked).toBe(1);
  });
});
