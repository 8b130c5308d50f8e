// The chart as a platform team installs it: what it adds to the pods, what is refused before a cluster sees it, and with which words.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { findProgram } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { type Manifest, manifestProblems } from "../src/manifest-problems.js";
import { setProblems } from "../src/set-problems.js";
import { built, deploy } from "./built.js";

const helm = findProgram("helm");
const chart = `${deploy}helm/biovlm`;
const words = (...sets: string[]) => [
  "template",
  "scans",
  chart,
  "--kube-version",
  "1.29.0",
  ...sets.flatMap((set) => ["--set-json", set]),
];
const render = (...sets: string[]) => built(helm ?? "", ...words(...sets));
const of = (manifests: readonly Manifest[], kind: string) => manifests.find((manifest) => manifest.kind === kind)!;
const podOf = (manifests: readonly Manifest[]) => of(manifests, "Deployment")["spec"].template;

// what a platform team sets, and where it must be found
const PLATFORM = {
  image: { registry: "registry.example", repository: "team/biovlm", tag: "1.2.3", pullPolicy: "Always" },
  imagePullSecrets: [{ name: "pull" }],
  fullnameOverride: "imaging",
  labels: { team: "radiology" },
  podLabels: { tier: "gold" },
  podAnnotations: { "example/scrape": "no" },
  priorityClassName: "high",
  nodeSelector: { disk: "ssd" },
  tolerations: [{ key: "gpu", operator: "Exists", effect: "NoSchedule" }],
  affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", labelSelector: { matchLabels: { app: "imaging" } } },
  ],
  serviceAccount: { create: false, name: "given" },
  service: { type: "LoadBalancer", port: 8443, annotations: { "example/internal": "true" } },
  networkPolicy: {
    from: [{ namespaceSelector: { matchLabels: { team: "pacs" } } }],
    egress: [{ ports: [{ protocol: "TCP", port: 4318 }] }],
  },
  extraEnv: [{ name: "SSL_CERT_FILE", value: "/etc/company/ca.crt" }],
  extraEnvFrom: [{ secretRef: { name: "more" } }],
  extraVolumes: [{ name: "company", configMap: { name: "company-ca" } }],
  extraVolumeMounts: [{ name: "company", mountPath: "/etc/company", readOnly: true }],
  extraInitContainers: [
    {
      name: "wait",
      image: "registry.example/team/biovlm:1.2.3",
      command: ["node", "--version"],
      securityContext: { readOnlyRootFilesystem: true },
      volumeMounts: [
        { name: "tmp", mountPath: "/tmp" },
        { name: "state", mountPath: "/var/lib/biovlm" },
      ],
    },
  ],
  tlsSecret: "server-tls",
  trustProxy: ["10.1.0.0/16", "2001:db8::/32"],
  gpu: { count: 1, runtimeClassName: "nvidia" },
  grpc: { enabled: true },
  metrics: { podMonitor: true, podMonitorLabels: { release: "prometheus" } },
  ingress: { enabled: true },
  gateway: { enabled: true, parentRefs: [{ name: "public" }], hostnames: ["a.example.org"], grpcHostnames: ["b.example.org"] },
  startupSeconds: 602,
};
const sets = (values: object) => Object.entries(values).map(([key, value]) => `${key}=${JSON.stringify(value)}`);

describe.skipIf(helm === undefined)("the chart", () => {
  it("puts what a platform team sets where a cluster looks for it", () => {
    const manifests = render(...sets(PLATFORM));
    expect(manifestProblems(manifests)).toEqual([]);
    expect(setProblems(manifests)).toEqual([]);
    const { metadata, spec } = podOf(manifests);
    const [server] = spec.containers;
    expect(server).toMatchObject({ image: "registry.example/team/biovlm:1.2.3", imagePullPolicy: "Always" });
    for (const manifest of manifests)
      expect(manifest["metadata"].labels, manifest.kind).toMatchObject({ team: "radiology", app: "imaging" });
    expect(metadata.labels).toMatchObject({
      tier: "gold",
      "app.kubernetes.io/version": parse(readFileSync(`${chart}/Chart.yaml`, "utf8")).appVersion,
    });
    expect(metadata.annotations).toEqual(PLATFORM.podAnnotations);
    for (const key of [
      "imagePullSecrets",
      "priorityClassName",
      "nodeSelector",
      "tolerations",
      "affinity",
      "topologySpreadConstraints",
    ] as const)
      expect(spec[key], key).toEqual(PLATFORM[key]);
    expect(spec).toMatchObject({ serviceAccountName: "given", runtimeClassName: "nvidia", initContainers: PLATFORM.extraInitContainers });
    expect(of(manifests, "ServiceAccount")).toBeUndefined();
    expect(server.env).toEqual(PLATFORM.extraEnv);
    expect(server.envFrom).toEqual(PLATFORM.extraEnvFrom);
    expect(server.volumeMounts).toContainEqual(PLATFORM.extraVolumeMounts[0]);
    expect(spec.volumes).toContainEqual(PLATFORM.extraVolumes[0]);
    expect(server.resources.limits).toMatchObject({ "nvidia.com/gpu": 1, memory: "2Gi" });
    expect(server.args.join(" ")).toMatch(
      /--tls-cert \/etc\/biovlm-tls\/tls.crt --tls-key \/etc\/biovlm-tls\/tls.key --trust-proxy 10.1.0.0\/16,2001:db8::\/32$/,
    );
    for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"]) expect(server[probe].httpGet.scheme, probe).toBe("HTTPS");
    // 602 s are 121 tries of five seconds
    expect(server.startupProbe.failureThreshold).toBe(121);
    const service = of(manifests, "Service");
    expect(service["metadata"].annotations).toEqual(PLATFORM.service.annotations);
    expect(service["spec"]).toMatchObject({
      type: "LoadBalancer",
      ports: [{ port: 8443, appProtocol: "https" }, { appProtocol: "https" }],
    });
    expect(of(manifests, "NetworkPolicy")["spec"]).toMatchObject({
      egress: PLATFORM.networkPolicy.egress,
      ingress: [{ from: PLATFORM.networkPolicy.from }, {}],
    });
    expect(of(manifests, "PodMonitor")["metadata"].labels).toMatchObject({ release: "prometheus" });
    const behind = manifests
      .filter(({ kind }) => kind === "Ingress")
      .map(({ metadata }) => metadata.annotations["nginx.ingress.kubernetes.io/backend-protocol"]);
    expect(behind).toEqual(["HTTPS", "GRPCS"]);
    expect(of(manifests, "HTTPRoute")["spec"]).toMatchObject({
      hostnames: ["a.example.org"],
      rules: [{ backendRefs: [{ name: "imaging", port: 8443 }] }],
    });
    expect(of(manifests, "GRPCRoute")["spec"]).toMatchObject({
      hostnames: ["b.example.org"],
      rules: [{ backendRefs: [{ name: "imaging", port: 8001 }] }],
    });
  });

  it("leaves out what is off, and has a Secret that is renewed mounted whole, so that it is renewed in the pod", () => {
    const plain = render("networkPolicy.enabled=false");
    for (const kind of ["NetworkPolicy", "HTTPRoute", "GRPCRoute", "Ingress", "PodMonitor"]) expect(of(plain, kind), kind).toBeUndefined();
    const [server] = podOf(render('tlsSecret="t"')).spec.containers;
    // a subPath is never renewed
    for (const mount of server.volumeMounts) expect(mount).not.toHaveProperty("subPath");
  });

  it("refuses what cannot be, before a cluster sees it, and names it", () => {
    const refused: [sets: string[], named: RegExp][] = [
      [['imag={"tag":"1"}'], /imag/],
      [['replicas="one"'], /replicas/],
      [['args="--dataset"'], /args/],
      [['grpc={"prot":9}'], /prot/],
      [['trustProxy=["everybody"]'], /trustProxy/],
      [['image={"registry":"registry.example/"}'], /registry/],
      [['image={"digest":"sha256:abc"}'], /digest/],
      [['metrics={"port":0}'], /port/],
      [['extraEnv=[{"nam":"x"}]'], /nam/],
      [['strategy={"type":"Rolling"}'], /strategy/],
      [['tlsSecret="t"', 'grpc={"enabled":true,"readiness":true}'], /without TLS/],
      [['gateway={"enabled":true}'], /parentRefs/],
      [['gateway={"grpcHostnames":["a"]}'], /name of its own/],
      [['gateway={"hostnames":["a"],"grpcHostnames":["a"]}'], /name of its own/],
      [["terminationGracePeriodSeconds=19"], /at least 20 .*got 19/],
      [["preStopSeconds=20"], /at least 35/],
      [['model={"claim":"a","bundleClaim":"b"}', 'autoscaling={"enabled":true}'], /Leave out one/],
    ];
    for (const [given, named] of refused) {
      const { status, stderr } = spawnSync(helm ?? "", words(...given), { encoding: "utf8" });
      expect(status, `${given}`).not.toBe(0);
      expect(stderr, `${given}`).toMatch(named);
    }
  });

  it("explains every value that its schema knows, and knows every value that is explained", () => {
    const keys = (value: unknown, path = ""): string[] =>
      typeof value !== "object" || value === null || Array.isArray(value)
        ? []
        : Object.entries(value).flatMap(([key, inner]) => [`${path}${key}`, ...keys(inner, `${path}${key}.`)]);
    interface Schema {
      readonly properties?: Readonly<Record<string, Schema>>;
    }
    const known = ({ properties = {} }: Schema, path = ""): string[] =>
      Object.entries(properties).flatMap(([key, inner]) => [`${path}${key}`, ...known(inner, `${path}${key}.`)]);
    const schema = known(JSON.parse(readFileSync(`${chart}/values.schema.json`, "utf8")) as Schema).filter((path) => path !== "global");
    const values = keys(parse(readFileSync(`${chart}/values.yaml`, "utf8")));
    expect(schema.filter((path) => !values.includes(path))).toEqual([]);
    const open = /^(resources|podSecurityContext|model\.importResources|strategy\.rollingUpdate|ingress\.(annotations|grpcAnnotations))\./;
    expect(values.filter((path) => !schema.includes(path) && !open.test(path))).toEqual([]);
  });

  it("is packed and linted without a complaint", () => {
    const { status, stdout, stderr } = spawnSync(helm ?? "", ["lint", "--strict", chart], { encoding: "utf8" });
    expect(status, `${stdout}${stderr}`).toBe(0);
  });
});
