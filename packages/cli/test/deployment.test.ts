// The deployment files' own words, run: the built program with the arguments that the images, manifests and the unit give it, as a user without
// rights where only its state and temporary folder can be written, is asked what the platforms will ask. No container engine or cluster.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withinLimit } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { COMMANDS, GROUPS } from "../src/command-table.js";
import { parse as parseWords } from "../src/parser.js";
import { phantomSet } from "../src/phantoms/phantom-set.js";
import { encodePng } from "../src/phantoms/png-file.js";
import { startDeployed } from "./deployed-server.js";
import { compile, main } from "./program.js";
import { attributeBankFile } from "./small-bank.js";

const root = join(import.meta.dirname, "../../..");
const deploy = (path: string) => readFileSync(join(root, "deploy", path), "utf8");
// biome-ignore lint/suspicious/noExplicitAny: manifests of several kinds
const manifest = (path: string, kind: string): any =>
  parseAllDocuments(deploy(path))
    .map((document) => document.toJS())
    .find((value) => value.kind === kind);
/** What follows "serve" in a command. */
const served = (words: string[]) => words.slice(words.indexOf("serve") + 1);
const entrypoint = served(JSON.parse(/^ENTRYPOINT (.*)$/m.exec(deploy("Dockerfile"))![1]!));

const folder = mkdtempSync(join(tmpdir(), "biovlm-deployment-"));
const models = join(folder, "models");
const keysFile = join(folder, "keys.json");
const png = encodePng([...phantomSet({ seed: 1, perKind: 1, size: 96 })][0]!.image);

beforeAll(async () => {
  compile();
  chmodSync(folder, 0o755);
  cpSync(join(root, "packages/model-tiny/files"), models, { recursive: true });
  writeFileSync(join(models, "bank.safetensors"), await attributeBankFile());
  writeFileSync(
    keysFile,
    JSON.stringify([{ name: "clinic", sha256: createHash("sha256").update("secret").digest("hex"), scopes: ["infer"] }]),
  );
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const authorization = "Bearer secret";
const image1 = JSON.stringify({ inputs: [{ name: "image", shape: [1], datatype: "BYTES", data: [png.toString("base64")] }] });

describe("the words of the deployment files", () => {
  it("Kubernetes: the image's entry point with the Deployment's arguments answers probes, callers with a key, and the scaler's query", async () => {
    const { spec } = manifest("kubernetes/base/deployment.yaml", "Deployment").spec.template;
    const [container] = spec.containers;
    const replaced: Record<string, string> = { "/etc/biovlm/keys.json": keysFile, 9464: "0" };
    const words = [...entrypoint, ...container.args].map((word) => replaced[word] ?? word);
    expect(words).toContain(keysFile);
    const server = await startDeployed(folder, [...words, "--port", "0"], "kubernetes");
    for (const { httpGet } of [container.readinessProbe, container.livenessProbe])
      expect((await server.ask(httpGet.path)).status).toBe(200);
    const call = { method: "POST", headers: { "content-type": "image/png" }, body: png };
    expect((await server.ask("/v1/classify", call)).status).toBe(401);
    const answer = await server.ask("/v1/classify", { ...call, headers: { ...call.headers, authorization } });
    expect(answer.status, answer.text).toBe(200);
    expect(JSON.parse(answer.text).classes).toHaveLength(3);
    const [{ metadata }] = manifest("kubernetes/components/keda/scaled-object.yaml", "ScaledObject").spec.triggers;
    const gauge = /[a-z]+_[a-z_]+/.exec(metadata.query)![0];
    // as Prometheus asks: on the metrics port, without a key
    const metrics = await fetch(server.metrics!);
    expect(await metrics.text()).toMatch(new RegExp(`^${gauge}(\\{[^}]*\\})? \\d`, "m"));
    expect((await server.ask("/metrics")).status).toBe(401);
    const { code, seconds } = await server.stop();
    expect(code).toBe(0);
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(20); // the hook's five seconds, the delay's five, and ten in which the server drains
    withinLimit("end after SIGTERM, s", seconds, spec.terminationGracePeriodSeconds);
  });

  it("Kubernetes: the init container's words import a bundle under the name that the arguments ask for, at a second start too", async () => {
    const [{ patch }] = parse(deploy("kubernetes/components/model-bundle/kustomization.yaml")).patches;
    const patched = parse(patch) as { path: string; value: unknown }[];
    // biome-ignore lint/suspicious/noExplicitAny: one of several values
    const [init] = patched.find(({ path }) => path.endsWith("initContainers"))!.value as any[];
    const added = patched.filter(({ path }) => path.endsWith("args/-")).map(({ value }) => String(value));
    const [state, bundle] = [join(folder, "bundled"), join(folder, "biomedclip.tar")];
    const biovlm = (words: string[], home: string) =>
      execFileSync(process.execPath, [main, ...words], {
        env: { ...process.env, BIOVLM_HOME: home, NODE_OPTIONS: "" },
        encoding: "utf8",
        stdio: "pipe",
      });
    const away = join(folder, "away");
    biovlm(["models", "import", models, "--name", added[1]!], away);
    biovlm(["models", "bundle", added[1]!, "--out", bundle], away);
    const command = init.command.slice(2).map((word: string) => (word === "/bundle/biomedclip.tar" ? bundle : word));
    expect(command).toContain(bundle);
    biovlm(command, state);
    biovlm(command, state);
    expect(biovlm(["models", "ls"], state)).toContain(added[1]);
  }, 60_000);

  it("Kubernetes: the words of the jobs are commands that there are", () => {
    const options = { version: "0", groups: GROUPS, description: "", epilogue: "", columns: 100, color: false };
    for (const file of ["kubernetes/fill-job.yaml", "kubernetes/bulk-job.yaml"]) {
      const [{ command, args }] = manifest(file, "Job").spec.template.spec.containers;
      expect(command, file).toEqual(["node", "packages/cli/dist/main.js"]);
      expect(parseWords(args, COMMANDS, options), file).toMatchObject({ command: { name: args.slice(0, 2).join(" ") } });
      expect(() => parseWords([...args, "--no-such"], COMMANDS, options), file).toThrow(/no-such/);
    }
  });

  it("KServe: the runtime serves the model of the mounted folder under the inference service's name", async () => {
    const [container] = manifest("kserve/biovlm.yaml", "ServingRuntime").spec.containers;
    const { name } = manifest("kserve/biovlm.yaml", "InferenceService").metadata;
    const words = served([...container.command, ...container.args]).map((word) =>
      word.replace("{{.Name}}", name).replace(/^\/mnt\/models/, models),
    );
    const server = await startDeployed(folder, [...words, "--port", "0"], "kserve");
    for (const { httpGet } of [container.readinessProbe, container.livenessProbe])
      expect((await server.ask(httpGet.path)).status).toBe(200);
    expect((await server.ask(`/v2/models/${name}/ready`)).status).toBe(200);
    const { annotations } = manifest("kserve/biovlm.yaml", "ServingRuntime").spec;
    expect(annotations["prometheus.kserve.io/port"]).toBe(String(container.ports[0].containerPort));
    expect((await server.ask(annotations["prometheus.kserve.io/path"])).text).toContain("biovlm_queue_images");
    const answer = await server.ask(`/v2/models/${name}/infer`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: image1,
    });
    expect(answer.status, answer.text).toBe(200);
    expect(JSON.parse(answer.text).outputs.map((o: { name: string }) => o.name)).toContain("probabilities");
    expect((await server.stop()).code).toBe(0);
  });

  it("systemd: the unit's command answers on its socket", async () => {
    const command = /^ExecStart=(.*)$/m.exec(deploy("systemd/biovlm.service"))![1]!.split(" ");
    const socket = join(folder, "systemd", "biovlm.sock");
    const words = served(command).map((word) => (word === "/run/biovlm/biovlm.sock" ? socket : word));
    expect(words).toContain(socket);
    const server = await startDeployed(folder, words, "systemd");
    expect(server.where).toBe(socket);
    expect((await server.ask("/readyz")).status).toBe(200);
    expect((await server.stop()).code).toBe(0);
  });
});
