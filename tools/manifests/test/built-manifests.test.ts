// What kustomize and Helm make of the files, where they are installed: every overlay and every choice of values fits the schemas, and holds what it is
// for. And what Prometheus and Grafana are given: rules that promtool takes, and no metric that the server does not have.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMetrics } from "@biovlm/server";
import { findProgram, withoutProgram } from "@biovlm/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { type Manifest, manifestProblems } from "../src/manifest-problems.js";
import { built, deploy, kustomized } from "./built.js";

const folder = mkdtempSync(join(tmpdir(), "biovlm-rules-"));
const file = join(folder, "rules.yaml");
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const overlays = readdirSync(`${deploy}kubernetes/overlays`);

const [kustomize, helm] = [findProgram("kustomize") ?? "", findProgram("helm") ?? ""];
const of = (manifests: readonly Manifest[], kind: string) => manifests.find((m) => m.kind === kind)!;
const pod = (manifests: readonly Manifest[]) => of(manifests, "Deployment").spec.template.spec;

/** Both ingresses lead over the service to ports of the pod that the policy lets in, and the settings are mounted where they are looked for. */
function reached(manifests: readonly Manifest[], name: string): void {
  const [{ ports, env, volumeMounts }] = pod(manifests).containers;
  const leads = manifests.filter(({ kind }) => kind === "Ingress").flatMap(({ spec }) => spec.rules[0].http.paths);
  expect(leads.map(({ path }) => path)).toEqual(["/", "/inference.GRPCInferenceService"]);
  for (const { backend } of leads) {
    expect(backend.service.name).toBe(of(manifests, "Service").metadata.name);
    const { targetPort } = of(manifests, "Service").spec.ports.find((port: { name: string }) => port.name === backend.service.port.name);
    expect(ports.map((port: { name: string }) => port.name)).toContain(targetPort);
    const allowed = of(manifests, "NetworkPolicy").spec.ingress.filter((rule: { from?: object }) => rule.from === undefined);
    expect(allowed.flatMap((rule: { ports: { port: string }[] }) => rule.ports.map(({ port }) => port))).toContain(targetPort);
  }
  const config = of(manifests, "ConfigMap");
  expect(config.metadata.name).toMatch(new RegExp(`^${name}-config`));
  const mounted = pod(manifests).volumes.find((volume: { name: string }) => volume.name === "config");
  expect(mounted.configMap.name).toBe(config.metadata.name);
  const { mountPath } = volumeMounts.find((mount: { name: string }) => mount.name === "config");
  const [file = ""] = Object.keys(config["data"]);
  expect(env).toContainEqual({ name: "BIOVLM_CONFIG", value: `${mountPath}/${file}` });
  expect(JSON.parse(config["data"][file]).serve).toBeDefined();
}

describe("kustomize", () => {
  it.skipIf(kustomize === "")("builds every overlay into manifests that fit", () => {
    expect(overlays).toEqual(["biomedclip-bundle", "biomedclip-ingress", "biomedclip-volume", "openshift"]);
    const [bundle, outside, volume, openshift] = overlays.map((overlay) => kustomized(`${deploy}kubernetes/overlays/${overlay}`)) as [
      Manifest[],
      Manifest[],
      Manifest[],
      Manifest[],
    ];
    expect(manifestProblems([...bundle, ...outside, ...volume, ...openshift])).toEqual([]);
    for (const manifests of [bundle, outside, volume, openshift]) {
      const [{ args, volumeMounts }] = pod(manifests).containers;
      expect(args.join(" ")).toMatch(/--model biomedclip\b/);
      const volumes = pod(manifests).volumes.map(({ name }: { name: string }) => name);
      for (const { name } of [...volumeMounts, ...(pod(manifests).initContainers?.[0].volumeMounts ?? [])]) expect(volumes).toContain(name);
      expect(pod(manifests).serviceAccountName).toBe(of(manifests, "ServiceAccount").metadata.name);
    }
    expect(pod(volume).volumes[1].persistentVolumeClaim.claimName).toBe(of(volume, "PersistentVolumeClaim").metadata.name);
    expect(pod(bundle).initContainers[0].command).toEqual(expect.arrayContaining(["models", "import", "/bundle/biomedclip.tar"]));
    expect(JSON.stringify(pod(openshift))).not.toMatch(/fsGroup|runAsUser/);
    reached(outside, "biovlm");
    expect(pod(outside).containers[0].args.join(" ")).toMatch(/--grpc-port 8001$/);
    // by its content, so that a change of it is a change of the pods
    expect(of(outside, "ConfigMap").metadata.name).toMatch(/^biovlm-config-\w+$/);
    expect(of(bundle, "HorizontalPodAutoscaler").spec.scaleTargetRef.name).toBe(of(bundle, "Deployment").metadata.name);
  });
});

describe("the chart", () => {
  it.skipIf(helm === "")("renders manifests that fit, whichever values are chosen", () => {
    const chart = `${deploy}helm/biovlm`;
    const render = (...sets: string[]) =>
      built(helm, "template", "scans", chart, "--kube-version", "1.29.0", ...sets.flatMap((set) => ["--set", set]));
    const { version } = JSON.parse(readFileSync(new URL("../../../packages/cli/package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    const digest = `sha256:${"0a".repeat(32)}`;
    const plain = render();
    const full = render(
      "autoscaling.enabled=true",
      "metrics.podMonitor=true",
      "model.name=biomedclip",
      "model.bundleClaim=bundles",
      `image.digest=${digest}`,
      "podSecurityContext.fsGroup=null",
    );
    const outside = render("ingress.enabled=true", "grpc.enabled=true", "config.serve.max-images=16");
    const probed = render("grpc.enabled=true", "grpc.readiness=true", "grpc.port=9001");
    expect(manifestProblems([...plain, ...full, ...outside, ...probed])).toEqual([]);
    expect(pod(probed).containers[0].readinessProbe).toEqual({
      grpc: { port: 9001, service: "readiness" },
      periodSeconds: 5,
      timeoutSeconds: 3,
    });
    // without the port there is nothing to ask
    const [unserved, asked] = [render("grpc.readiness=true"), plain].map((of) => pod(of).containers[0].readinessProbe);
    expect(unserved).toEqual(asked);
    reached(outside, "scans");
    expect(of(outside, "Deployment").spec.template.metadata.annotations["biovlm/config"]).toMatch(/^[0-9a-f]{64}$/);
    for (const kind of ["Ingress", "ConfigMap"]) expect(of(plain, kind)).toBeUndefined();
    expect(pod(plain).containers[0].image).toBe(`biovlm:${version}`);
    expect(pod(full).containers[0].image).toBe(`biovlm@${digest}`);
    expect(pod(full).initContainers[0].command).toContain("/bundle/biomedclip.tar");
    expect(JSON.stringify(pod(full))).not.toMatch(/fsGroup|runAsUser/);
    expect([of(plain, "HorizontalPodAutoscaler"), of(plain, "PodMonitor")]).toEqual([undefined, undefined]);
    expect([of(full, "HorizontalPodAutoscaler").kind, of(full, "PodMonitor").kind]).toEqual(["HorizontalPodAutoscaler", "PodMonitor"]);
    // the same server as kustomize's: probes, times, rights
    const base = parse(readFileSync(`${deploy}kubernetes/base/deployment.yaml`, "utf8")).spec.template.spec;
    for (const field of ["startupProbe", "readinessProbe", "livenessProbe", "lifecycle", "securityContext", "resources", "volumeMounts"])
      expect(pod(plain).containers[0][field], field).toEqual(base.containers[0][field]);
    for (const field of ["securityContext", "terminationGracePeriodSeconds", "volumes"])
      expect(pod(plain)[field], field).toEqual(base[field]);
  });
});

describe("rules and dashboard", () => {
  const rules = parse(readFileSync(`${deploy}kubernetes/components/monitoring/rules.yaml`, "utf8")).spec as {
    groups: { rules: { expr: string; annotations: { summary: string } }[] }[];
  };
  const dashboard = JSON.parse(readFileSync(`${deploy}monitoring/dashboard.json`, "utf8")) as {
    panels: { id: number; targets: { expr: string; legendFormat?: string }[] }[];
  };
  const alarms = rules.groups.flatMap((group) => group.rules.map(({ expr }) => expr));
  const drawn = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr.replaceAll("$__rate_interval", "5m")));

  it.skipIf(withoutProgram("promtool"))("are taken by promtool", () => {
    const check = (text: string) => {
      writeFileSync(file, text);
      const { status, stdout, stderr } = spawnSync("promtool", ["check", "rules", file], { encoding: "utf8" });
      return { status, said: `${stdout}${stderr}` };
    };
    const checked = check(stringify(rules));
    expect(checked.status, checked.said).toBe(0);
    expect(checked.said).toContain(`${alarms.length} rules found`);
    // what the dashboard asks, as rules
    const asked = { groups: [{ name: "dashboard", rules: drawn.map((expr, i) => ({ record: `panel:target:${i}`, expr })) }] };
    const panels = check(stringify(asked));
    expect(panels.status, panels.said).toBe(0);
    expect(check(stringify(rules).replace("rate(", "rat(")).status).not.toBe(0);
  });

  it("ask for metrics that the server has, by the names it gives them", async () => {
    const known = new Set<string>();
    for (const { name, type } of await createMetrics().registry.getMetricsAsJSON()) {
      for (const suffix of String(type) === "histogram" ? ["_bucket", "_sum", "_count"] : [""]) known.add(`${name}${suffix}`);
    }
    const named = [...alarms, ...drawn].flatMap((expr) => expr.match(/\b(biovlm|process|nodejs)_\w+/g) ?? []);
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });

  it("ask for labels that these metrics have, in what is chosen, summed over and told", () => {
    const labels = new Map<string, readonly string[]>();
    for (const metric of createMetrics().registry.getMetricsAsArray()) {
      const { labelNames = [], buckets } = metric as { labelNames?: readonly string[]; buckets?: unknown };
      labels.set(metric.name, labelNames);
      if (buckets !== undefined)
        for (const [suffix, more] of [
          ["_bucket", ["le"]],
          ["_sum", []],
          ["_count", []],
        ] as const)
          labels.set(`${metric.name}${suffix}`, [...labelNames, ...more]);
    }
    /** What an expression, and the text of its alarm or line, says of labels that its metrics do not have. */
    const strange = (expr: string, told: string): string[] => {
      const faults: string[] = [];
      const metrics = expr.match(/\b(biovlm|process|nodejs)_\w+/g) ?? [];
      for (const [, metric = "", chosen = ""] of expr.matchAll(/\b(\w+)\{([^}]*)\}/g))
        for (const [, label = ""] of chosen.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g))
          if (!labels.get(metric)?.includes(label)) faults.push(`${metric} has no ${label}`);
      const summed = [...expr.matchAll(/\bby\s*\(([^)]*)\)/g)].map(([, names = ""]) => names.split(/\s*,\s*/));
      const has = (label: string) => label === "pod" || metrics.some((metric) => labels.get(metric)?.includes(label));
      for (const label of summed.flat()) if (!has(label)) faults.push(`by ${label}: none of ${metrics} has it`);
      const left = /\b(sum|max|min|avg|histogram_quantile)\b/.test(expr) ? (label: string) => summed.flat().includes(label) : has;
      for (const [, label = ""] of told.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/g))
        if (!left(label)) faults.push(`${told}: no ${label} is left`);
      return faults;
    };
    const said = [
      ...rules.groups.flatMap((group) => group.rules.map(({ expr, annotations }) => [expr, annotations.summary] as const)),
      ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr, legendFormat = "" }) => [expr, legendFormat] as const)),
    ];
    expect(said.flatMap(([expr, told]) => strange(expr, told))).toEqual([]);
    const [[expr = "", told = ""] = []] = said.filter(([asked]) => asked.includes('status=~"5.."'));
    expect(strange(expr.replaceAll("status=~", "code=~"), told)[0]).toMatch(/has no code/);
    expect(strange(expr.replaceAll("by (route)", "by (path)"), told).join("\n")).toMatch(/by path[\s\S]*no route is left/);
  });
});
