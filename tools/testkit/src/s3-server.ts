// A real S3 server on this machine (versitygw over a folder), and a proxy before it that is as bad as a network: busy, slow, torn in the middle of
// an answer, and silent after the work was done.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { findProgram } from "./programs.js";
import { seeded } from "./seeded.js";

const KEYS = { AWS_ACCESS_KEY_ID: "access", AWS_SECRET_ACCESS_KEY: "secret" };

async function freePort(): Promise<number> {
  const server = createTcp().listen(0, "127.0.0.1");
  await new Promise((ready) => server.once("listening", ready));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

/** A started server. */
export interface S3Server {
  readonly endpoint: string;
  /** variables that lead to it, or to a proxy before it; it has a bucket named "bucket" */
  env(endpoint?: string): Record<string, string>;
  stop(): void;
}

export async function startS3Server(): Promise<S3Server> {
  const binary = findProgram("versitygw");
  if (binary === undefined) throw new Error('no versitygw to start — guard the suite with describe.skipIf(withoutProgram("versitygw"))');
  const folder = mkdtempSync(join(tmpdir(), "biovlm-s3-"));
  for (const name of ["data/bucket", "side"]) mkdirSync(join(folder, name), { recursive: true });
  const port = await freePort();
  const words = [
    "--access",
    "access",
    "--secret",
    "secret",
    "--port",
    `127.0.0.1:${port}`,
    "posix",
    "--sidecar",
    join(folder, "side"),
    join(folder, "data"),
  ];
  const child: ChildProcess = spawn(binary, words, { stdio: "ignore" });
  const endpoint = `http://127.0.0.1:${port}`;
  for (let i = 0; i < 200; i++) {
    if (
      await fetch(endpoint).then(
        () => true,
        () => false,
      )
    )
      break;
    await wait(50);
  }
  const env = (to = endpoint) => ({ ...KEYS, AWS_ENDPOINT_URL_S3: to, AWS_REGION: "us-east-1" });
  return {
    endpoint,
    env,
    stop() {
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What the proxy does to calls: each kind in `of` hundred. */
export interface S3Faults {
  readonly busy: number;
  readonly slow: number;
  /** half an answer */
  readonly torn: number;
  /** the store does its work, and nobody hears of it */
  readonly silent: number;
}

export interface S3Proxy {
  readonly endpoint: string;
  readonly done: Record<keyof S3Faults, number>;
  stop(): void;
}

export async function startS3Proxy(target: string, faults: S3Faults, { seed = 1 } = {}): Promise<S3Proxy> {
  const random = seeded(seed);
  const done = { busy: 0, slow: 0, torn: 0, silent: 0 };
  const hit = (kind: keyof S3Faults): boolean => {
    const yes = random.below(100) < faults[kind];
    if (yes) done[kind]++;
    return yes;
  };
  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const body: Buffer[] = [];
    for await (const chunk of incoming) body.push(chunk as Buffer);
    if (hit("busy")) return outgoing.writeHead(503, { "retry-after": "0" }).end("<Error><Code>SlowDown</Code></Error>");
    if (hit("slow")) await wait(20);
    const { hostname, port } = new URL(target);
    const call = request({ hostname, port, method: incoming.method ?? "GET", path: incoming.url, headers: incoming.headers });
    call.end(Buffer.concat(body));
    const answer = await new Promise<IncomingMessage>((resolve, reject) => call.once("response", resolve).once("error", reject));
    const parts: Buffer[] = [];
    for await (const chunk of answer) parts.push(chunk as Buffer);
    const whole = Buffer.concat(parts);
    if (hit("silent")) return void outgoing.destroy();
    outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
    if (whole.length > 1 && hit("torn")) {
      outgoing.write(whole.subarray(0, whole.length >> 1));
      await wait(1);
      return void outgoing.destroy();
    }
    outgoing.end(whole);
  };
  const server: Server = createServer((incoming, outgoing) => void pass(incoming, outgoing).catch(() => outgoing.destroy()));
  server.listen(0, "127.0.0.1");
  await new Promise((ready) => server.once("listening", ready));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    done,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A store that knows no conditional create: it says so, or takes every PUT. Keeps entries by path; does not list. */
export async function startLackingS3(
  says: boolean,
): Promise<{ readonly endpoint: string; readonly entries: Map<string, Buffer>; stop(): void }> {
  const entries = new Map<string, Buffer>();
  const server = createServer(async (incoming, outgoing) => {
    const path = (incoming.url ?? "").slice(1);
    const body: Buffer[] = [];
    for await (const chunk of incoming) body.push(chunk as Buffer);
    if (incoming.method === "PUT") {
      if (says && incoming.headers["if-none-match"] !== undefined)
        return outgoing.writeHead(501).end("<Error><Code>NotImplemented</Code></Error>");
      entries.set(path, Buffer.concat(body));
      return outgoing.writeHead(200).end();
    }
    if (incoming.method === "DELETE") {
      entries.delete(path);
      return outgoing.writeHead(204).end();
    }
    const entry = entries.get(path);
    return entry === undefined ? outgoing.writeHead(404).end("<Error><Code>NoSuchKey</Code></Error>") : outgoing.writeHead(200).end(entry);
  }).listen(0, "127.0.0.1");
  await new Promise((ready) => server.once("listening", ready));
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, entries, stop: () => void server.close() };
}
