// What kustomize and Helm make of the deployment files, run: the words, variables, settings and certificate of each rendered pod, given to the built
// program, answer the probes that stand beside them. No cluster.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:http2";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { findProgram, withoutProgram } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { startDeployed } from "./deployed-server.js";
import { compile } from "./program.js";

const root = join(import.meta.dirname, "../../..");
const [kustomize, helm] = [findProgram("kustomize") ?? "", findProgram("helm") ?? ""];
const folder = mkdtempSync(join(tmpdir(), "biovlm-rendered-"));
const keysFile = join(folder, "keys.json");

beforeAll(() => {
  compile();
  chmodSync(folder, 0o755);
  const sha256 = createHash("sha256").update("secret").digest("hex");
  writeFileSync(keysFile, JSON.stringify([{ name: "clinic", sha256, scopes: ["infer"] }]));
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// biome-ignore lint/suspicious/noExplicitAny: manifests of several kinds
type Rendered = any;
const rendered = (program: string, ...words: string[]): Rendered[] =>
  parseAllDocuments(execFileSync(program, words, { encoding: "utf8" })).map((document) => document.toJS());
const overlay = (name: string) =>
  rendered(kustomize, basename(kustomize) === "kubectl" ? "kustomize" : "build", join(root, "deploy/kubernetes/overlays", name));
const chart = (...sets: string[]) =>
  rendered(
    helm,
    "template",
    "scans",
    join(root, "deploy/helm/biovlm"),
    "--kube-version",
    "1.29.0",
    ...sets.flatMap((set) => ["--set-json", set]),
  );

/** Runs the pod's server where its mounts would be, on free ports, with the embedded model in place of what volumes hold, and asks its probes. */
async function answers(manifests: readonly Rendered[], name: string): Promise<void> {
  const [container] = manifests.find(({ kind }) => kind === "Deployment").spec.template.spec.containers;
  const mounts = join(folder, `${name}-mounts`);
  mkdirSync(mounts);
  const at: Record<string, string> = { "/etc/biovlm/keys.json": keysFile };
  for (const { data } of manifests.filter(({ kind }) => kind === "ConfigMap")) {
    for (const [file, text] of Object.entries(data as Record<string, string>)) {
      at[`/etc/biovlm-config/${file}`] = join(mounts, file);
      writeFileSync(join(mounts, file), text);
    }
  }
  if (container.args.includes("--tls-cert")) {
    const [key, cert] = [join(mounts, "tls.key"), join(mounts, "tls.crt")];
    const words = [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=localhost",
    ];
    execFileSync("openssl", [...words, "-keyout", key, "-out", cert], { stdio: "ignore" });
    chmodSync(key, 0o644);
    Object.assign(at, { "/etc/biovlm-tls/tls.key": key, "/etc/biovlm-tls/tls.crt": cert });
  }
  // every path that is named is one of a mount
  const local = (word: string) => {
    if (word.startsWith("/etc/") || word.startsWith("/var/")) expect(Object.keys(at)).toContain(word);
    return at[word] ?? (word === "biomedclip" ? "tiny" : word);
  };
  const freed = (words: string[]) => words.map((word, i) => (/^--(metrics-|grpc-)?port$/.test(words[i - 1] ?? "") ? "0" : local(word)));
  const entrypoint = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(readFileSync(join(root, "deploy/Dockerfile"), "utf8"))?.[1] ?? "[]") as string[];
  const words = freed([...entrypoint.slice(3), ...container.args]);
  const env = Object.fromEntries((container.env ?? []).map(({ name, value }: { name: string; value: string }) => [name, local(value)]));
  const server = await startDeployed(folder, [...words, "--port", "0"], name, env);
  try {
    for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
      expect(server.where, name).toMatch(probe.httpGet.scheme === "HTTPS" ? /^https:/ : /^http:/);
      expect((await server.ask(probe.httpGet.path)).status).toBe(200);
    }
    expect((await server.ask("/v1/classify", { method: "POST" })).status).toBe(401);
    expect((await fetch(server.metrics ?? "")).status).toBe(200);
    const { grpc } = server;
    expect(grpc !== undefined, "a port for gRPC").toBe(container.args.includes("--grpc-port"));
    if (grpc !== undefined) expect(await healthOverHttp2(grpc)).toBe("0");
  } finally {
    expect((await server.stop()).code).toBe(0);
  }
}

/** `grpc-status` of grpc.health.v1.Health/Check, by hand: what a proxy that speaks HTTP/2 without or with TLS gets. */
function healthOverHttp2(where: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const session = connect(where, { rejectUnauthorized: false });
    session.once("error", reject);
    const call = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Check",
      "content-type": "application/grpc",
      te: "trailers",
    });
    call.on("trailers", (trailers) => {
      session.close();
      resolve(String(trailers["grpc-status"]));
    });
    call.resume().once("error", reject).end(Buffer.alloc(5));
  });
}

describe("a rendered pod", () => {
  it.skipIf(kustomize === "")(
    "of the overlay with settings, gRPC and an Ingress answers its probes",
    () => answers(overlay("biomedclip-ingress"), "overlay"),
    120_000,
  );

  it.skipIf(helm === "" || withoutProgram("openssl"))(
    "of the chart with settings, gRPC, a certificate and trusted proxies answers its probes over TLS",
    () => {
      const config = { serve: { "max-images": 16, "log-level": "warn", "cors-origin": "https://viewer.example" } };
      const sets = [
        'tlsSecret="t"',
        'grpc={"enabled":true}',
        'trustProxy=["10.1.0.0/16","2001:db8::/32"]',
        `config=${JSON.stringify(config)}`,
      ];
      return answers(chart(...sets), "chart");
    },
    120_000,
  );

  it.skipIf(helm === "")(
    "of the chart with a setting that nobody knows ends, and says which",
    async () => {
      const manifests = chart('config={"serve":{"max-imges":16}}');
      await expect(answers(manifests, "misspelt")).rejects.toThrow(/max-imges[\s\S]*max-images/);
    },
    120_000,
  );
});
