// The built program, started as a deployment starts it: as a user without rights, where only its state can be written.

import { spawn } from "node:child_process";
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { request } from "node:http";
import { request as secure } from "node:https";
import { join } from "node:path";
import { main } from "./program.js";

// a user of no rights, where this test may become one
const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/** What was started, asked as its platform asks. */
export interface DeployedServer {
  /** `http://…` or a unix socket's path */
  readonly where: string;
  /** its metrics, where they have a port of their own */
  readonly metrics: string | undefined;
  /** where gRPC is answered, as an address of HTTP/2, where it is */
  readonly grpc: string | undefined;
  ask(
    path: string,
    options?: { method?: string; headers?: Record<string, string>; body?: Buffer | string },
  ): Promise<{ status: number; text: string }>;
  /** SIGTERM; how it ended and after how many seconds */
  stop(): Promise<{ code: number | null; seconds: number }>;
}

/** Runs `serve words…` with variables of its pod, its state in `folder`/`name`, and waits until it says that it is ready. */
export async function startDeployed(
  folder: string,
  words: readonly string[],
  name: string,
  env: Readonly<Record<string, string>> = {},
): Promise<DeployedServer> {
  const state = join(folder, name);
  const locked = join(folder, `${name}-locked`);
  mkdirSync(state);
  mkdirSync(locked);
  chmodSync(locked, 0o555);
  if (nobody.uid !== undefined) chownSync(state, nobody.uid, nobody.gid);
  const child = spawn(process.execPath, [main, "serve", ...words], {
    cwd: locked,
    env: {
      PATH: process.env["PATH"],
      BIOVLM_HOME: state,
      BIOVLM_DRAIN_DELAY_MS: "100",
      TMPDIR: state,
      NODE_ENV: "production",
      // what a pod gets of a Service called biovlm where nobody said enableServiceLinks: false, as KServe's do
      BIOVLM_SERVICE_HOST: "10.96.1.2",
      BIOVLM_PORT: "tcp://10.96.1.2:80",
      BIOVLM_PORT_80_TCP: "tcp://10.96.1.2:80",
      NODE_OPTIONS: "",
      HOME: locked,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
    ...nobody,
  });
  let said = "";
  const ended = new Promise<number | null>((done) => child.once("close", done));
  child.stdout.on("data", (data: Buffer) => (said += data.toString()));
  const where = await new Promise<string>((resolve, reject) => {
    child.stderr.on("data", (data: Buffer) => {
      said += data.toString();
      const found = /listening on (\S+?)(?: and \S+)?;/.exec(said)?.[1];
      if (/^ready: /m.test(said) && found !== undefined) resolve(found.replace(/^unix:/, ""));
    });
    void ended.then((code) => reject(new Error(`ended with ${code}: ${said}`)));
    setTimeout(() => reject(new Error(`not ready after a minute: ${said}`)), 60_000).unref();
  });
  return {
    where,
    grpc: /listening on \S+ and (grpcs?:\S+);/.exec(said)?.[1]?.replace("0.0.0.0", "127.0.0.1").replace("grpc", "http"),
    metrics: /metrics at (\S+)/.exec(said)?.[1]?.replace("0.0.0.0", "127.0.0.1"),
    ask: (path, { method = "GET", headers = {}, body } = {}) =>
      new Promise((resolve, reject) => {
        const to = where.startsWith("http") ? { host: "127.0.0.1", port: new URL(where).port } : { socketPath: where };
        const call = (where.startsWith("https") ? secure : request)(
          { ...to, rejectUnauthorized: false, path, method, headers },
          (response) => {
            let text = "";
            response.on("data", (part: Buffer) => (text += part.toString()));
            response.on("end", () => resolve({ status: response.statusCode!, text }));
          },
        );
        call.on("error", reject).end(body);
      }),
    async stop() {
      const begun = performance.now();
      child.kill("SIGTERM");
      return { code: await ended, seconds: (performance.now() - begun) / 1000 };
    },
  };
}
