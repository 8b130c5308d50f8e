// `biovlm serve` in this process: it listens before its model is opened, and ends with the reason where that fails.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { golden, greyPng, withoutProgram } from "@biovlm/testkit";
import { tinyBank } from "@biovlm/testkit/tiny-bank";
import { describe, expect, it } from "vitest";
import { call, folder } from "./call.js";
import { serve } from "./served.js";

describe("serve", () => {
  it("listens first, then ends with the code of what could not be opened", async () => {
    const place = folder("served");
    writeFileSync(join(place, "bank.safetensors"), "no bank");
    const { code, err } = await call(["serve", "--port", "0", "--pool", "0", "--device", "cpu", "--bank", "bank.safetensors"], {
      cwd: place,
    });
    expect(code).toBe(1);
    expect(err.indexOf("listening on")).toBeGreaterThan(0);
    expect(err.indexOf("error[bad_bank]")).toBeGreaterThan(err.indexOf("listening on"));
  });

  it("names a port in use before anything is opened", async () => {
    const server = await serve([], folder("served"));
    const { code, err } = await call(["serve", "--port", new URL(server.url).port]);
    expect(code).toBe(2);
    expect(err).toMatch(/error\[port_in_use\]/);
    expect(err).not.toMatch(/listening/);
    expect((await server.stop("SIGINT")).code).toBe(0);
  });
});

const keysFile = (key: string) =>
  JSON.stringify([{ name: "k", sha256: createHash("sha256").update(key).digest("hex"), scopes: ["admin"] }]);

/** A certificate for a name, with its key, at the two paths. */
function certify(name: string, cert: string, key: string): void {
  const words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", [...words, "-subj", `/CN=${name}`, "-keyout", key, "-out", cert], { stdio: "ignore" });
}

/** Common name of the certificate that a new connection gets. */
function shownName(port: number): Promise<string | string[] | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["h2", "http/1.1"] }, () => {
      resolve(socket.getPeerCertificate().subject.CN);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

const withCertificates = it.skipIf(withoutProgram("openssl"));

describe("while it serves", () => {
  withCertificates(
    "takes new keys, a new certificate and a new bank at SIGHUP, and keeps the old where the new is broken",
    async () => {
      const place = folder("renewed");
      const at = (name: string) => join(place, name);
      writeFileSync(at("keys.json"), keysFile("old"));
      writeFileSync(at("bank.safetensors"), await tinyBank(["chest X-ray", "head CT"]));
      certify("old.example", at("cert.pem"), at("key.pem"));
      const words = ["--keys-file", "keys.json", "--bank", "bank.safetensors", "--tls-cert", "cert.pem", "--tls-key", "key.pem"];
      words.push("--grpc-port", "0");
      const server = await serve(words, place);
      const { port } = new URL(server.url);
      const shownNames = () => Promise.all([Number(port), server.grpcPort].map(shownName));
      /** GET with a key, on a connection of its own or on the given one. */
      const get = (path: string, key: string, socket?: TLSSocket) =>
        new Promise<{ status: number; text: string }>((resolve, reject) => {
          const headers = { authorization: `Bearer ${key}` };
          const on = socket === undefined ? { agent: false as const } : { createConnection: () => socket };
          const call = request({ port, host: "127.0.0.1", path, headers, rejectUnauthorized: false, ...on }, (answer) => {
            let text = "";
            answer.on("data", (part) => {
              text += part;
            });
            answer.on("end", () => resolve({ status: answer.statusCode!, text }));
          });
          call.once("error", reject);
          call.end();
        });
      const statuses = async () => [(await get("/v1/banks", "old")).status, (await get("/v1/banks", "new")).status];
      const classes = async (key: string) => JSON.parse((await get("/v1/banks", key)).text).banks[0].classes as string[];
      const metric = async (key: string, line: RegExp) => line.exec((await get("/metrics", key)).text)?.[1];
      const open = connect({ port: Number(port), host: "127.0.0.1", rejectUnauthorized: false });
      await new Promise((done) => open.once("secureConnect", done));
      expect([await statuses(), await classes("old"), await shownNames()]).toEqual([
        [200, 401],
        ["chest X-ray", "head CT"],
        ["old.example", "old.example"],
      ]);

      writeFileSync(at("keys.json"), keysFile("new").slice(0, 40));
      writeFileSync(at("bank.safetensors"), "no bank");
      writeFileSync(at("cert.pem"), "no certificate");
      server.hangUp();
      await expect.poll(() => metric("old", /^biovlm_reload_last_successful\{what="bank"\} (\d)/m)).toBe("0");
      expect([await statuses(), await classes("old"), await shownNames()]).toEqual([
        [200, 401],
        ["chest X-ray", "head CT"],
        ["old.example", "old.example"],
      ]);
      expect(await metric("old", /^biovlm_reload_last_successful\{what="keys"\} (\d)/m)).toBe("0");
      expect(await metric("old", /^biovlm_reload_last_successful\{what="certificate"\} (\d)/m)).toBe("0");

      writeFileSync(at("keys.json"), keysFile("new"));
      writeFileSync(at("bank.safetensors"), await tinyBank(["retina", "skin"]));
      certify("new.example", at("cert.pem"), at("key.pem"));
      server.hangUp();
      await expect.poll(statuses).toEqual([401, 200]);
      await expect.poll(() => classes("new")).toEqual(["retina", "skin"]);
      await expect.poll(shownNames).toEqual(["new.example", "new.example"]);
      expect((await get("/v1/banks", "new", open)).status).toBe(200);
      expect(await metric("new", /^biovlm_reload_last_successful\{what="bank"\} (\d)/m)).toBe("1");
      expect((await server.stop("SIGINT")).code).toBe(0);
    },
    60_000,
  );

  it("keeps uploaded banks in the folder it is given, but not one in place of its own", async () => {
    const place = folder("kept");
    const words = ["--banks-dir", "banks", "--admin", "--class", "scan of a lung", "--class", "scan of a head"];
    const put = async (url: string, name: string, bytes: Uint8Array) => {
      const headers = { "content-type": "application/octet-stream" };
      return (await fetch(`${url}/v1/banks/${name}`, { method: "PUT", body: Buffer.from(bytes), headers })).status;
    };
    const names = async (url: string) => {
      const { banks } = (await (await fetch(`${url}/v1/banks`)).json()) as { banks: { name: string; classes: string[] }[] };
      return Object.fromEntries(banks.map(({ name, classes }) => [name, classes]));
    };
    const first = await serve(words, place);
    const bytes = await tinyBank(["retina", "skin"]);
    expect([await put(first.url, "more", bytes), await put(first.url, "default", bytes)]).toEqual([200, 200]);
    expect(await put(first.url, "torn", bytes.subarray(0, 900))).toBe(400);
    expect(await names(first.url)).toEqual({ default: ["retina", "skin"], more: ["retina", "skin"] });
    await first.stop("SIGINT");
    expect(readdirSync(join(place, "banks"))).toEqual(["more.safetensors"]);
    writeFileSync(join(place, "banks", "broken.safetensors"), "no bank");
    const second = await serve(words, place);
    expect(await names(second.url)).toEqual({ default: ["scan of a lung", "scan of a head"], more: ["retina", "skin"] });
    await second.stop("SIGINT");
  }, 60_000);
});

describe("an image that is too large for a server", () => {
  it("is refused as that, alone and among others, by the flag that the server is started with", async () => {
    const place = folder("large");
    writeFileSync(join(place, "bank.safetensors"), await tinyBank(["dark", "bright"]));
    const server = await serve(["--bank", "bank.safetensors", "--max-pixels", "100", "--max-image-bytes", "4KiB"], place);
    try {
      const help = (await call(["serve", "--help"])).out;
      const pixels = Buffer.from(greyPng(16, 16, 8, () => 90));
      const post = async (path: string, body: Buffer | string, type: string) => {
        const answer = await fetch(`${server.url}${path}`, { method: "POST", headers: { "content-type": type }, body: body as BodyInit });
        return { status: answer.status, text: await answer.text() };
      };
      const alone = await post("/v1/classify", pixels, "image/png");
      const two = JSON.stringify({ images: [pixels, pixels].map((one) => one.toString("base64")) });
      const among = await post("/v1/classify", two, "application/json");
      const bytes = await post("/v1/classify", Buffer.alloc(5000), "image/png");
      expect([alone.status, among.status, bytes.status]).toEqual([413, 200, 413]);
      for (const [{ text }, flag] of [
        [alone, "--max-pixels"],
        [among, "--max-pixels"],
        [bytes, "--max-image-bytes"],
      ] as const) {
        expect(text).toContain(`or have the server started with a larger ${flag}.`);
        expect(help).toContain(flag);
      }
    } finally {
      await server.stop();
    }
  });
});

describe("how a server shows images", () => {
  it("is as --window, --range and --plane say, as classify shows them", async () => {
    const place = folder("shown");
    copyFileSync(golden("dicom/ct_signed_16_window.dcm"), join(place, "ct.dcm"));
    writeFileSync(
      join(place, "bits.png"),
      greyPng(64, 64, 16, (i) => ((i % 64) * 37 + Math.floor(i / 64) * 23) % 4096),
    );
    const { rows } = JSON.parse(readFileSync(golden("volumes.json"), "utf8")) as { rows: { name: string; bytes: string }[] };
    writeFileSync(join(place, "a.nii"), Buffer.from(rows.find(({ name }) => name === "nifti int16 little 0")!.bytes, "base64"));
    const files = ["ct.dcm", "bits.png", "a.nii"];
    const classes = ["--class", "chest X-ray", "--class", "head CT"];
    interface Row {
      readonly predictions: readonly { readonly class: string; readonly probability: number }[];
      readonly dicom?: object;
      readonly slice?: { readonly plane: string };
      readonly notes?: readonly string[];
    }
    const told = (rows: readonly Row[]) => rows.map(({ predictions, dicom, slice, notes }) => ({ predictions, dicom, slice, notes }));
    const seen: string[] = [];
    for (const words of [[], ["--window", "bone", "--range", "bits=12", "--plane", "sagittal"]]) {
      const server = await serve([...classes, ...words], place);
      const images = files.map((file) => readFileSync(join(place, file)).toString("base64"));
      const body = JSON.stringify({ images });
      const reply = await fetch(`${server.url}/v1/classify`, { method: "POST", headers: { "content-type": "application/json" }, body });
      const { results } = (await reply.json()) as { results: Row[] };
      await server.stop("SIGINT");
      const { out } = await call(["classify", ...files, ...classes, ...words, "--device", "cpu", "--threads", "1", "--json"], {
        cwd: place,
      });
      const own = told(JSON.parse(out) as Row[]);
      expect(told(results).map(({ predictions: _, ...shown }) => shown)).toEqual(own.map(({ predictions: _, ...shown }) => shown));
      expect(results[2]?.slice?.plane).toBe(words.at(-1) ?? "axial");
      for (const [i, { predictions }] of results.entries())
        for (const [k, { class: name, probability }] of predictions.entries()) {
          expect(own[i]?.predictions[k]?.class).toBe(name);
          expect(own[i]?.predictions[k]?.probability).toBeCloseTo(probability, 4);
        }
      seen.push(...results.map(({ predictions }) => JSON.stringify(predictions)));
    }
    // each image looks another way
    expect(new Set(seen).size).toBe(6);
  }, 60_000);
});
