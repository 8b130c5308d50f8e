// The deployment manifests against Kubernetes', KServe's and KEDA's schemas, and broken copies of them, each of which must be found.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Manifest, manifestProblems, readManifests } from "../src/manifest-problems.js";

const deploy = (path: string) => readFileSync(new URL(`../../../deploy/${path}`, import.meta.url), "utf8");
const files = [
  ...["deployment", "service", "service-account", "disruption-budget", "network-policy"].map((name) => `kubernetes/base/${name}.yaml`),
  ...["model-volume/claim", "autoscaling/autoscaler", "keda/scaled-object", "monitoring/pod-monitor", "monitoring/rules"].map(
    (name) => `kubernetes/components/${name}.yaml`,
  ),
  ...["ingress", "ingress-grpc"].map((name) => `kubernetes/components/${name}/ingress.yaml`),
  ...["gateway", "gateway-grpc"].map((name) => `kubernetes/components/${name}/route.yaml`),
  "kubernetes/bulk-job.yaml",
  "kubernetes/fill-job.yaml",
  "kserve/biovlm.yaml",
];
const all = () => files.flatMap((path) => readManifests(deploy(path)));

describe("the manifests", () => {
  it("fit the schemas of their kinds", () => {
    const manifests = all();
    expect(manifests.map((m) => m.kind).sort()).toEqual([
      "Deployment",
      "GRPCRoute",
      "HTTPRoute",
      "HorizontalPodAutoscaler",
      "InferenceService",
      "Ingress",
      "Ingress",
      "Job",
      "Job",
      "NetworkPolicy",
      "PersistentVolumeClaim",
      "PodDisruptionBudget",
      "PodMonitor",
      "PrometheusRule",
      "ScaledObject",
      "Service",
      "ServiceAccount",
      "ServingRuntime",
    ]);
    expect(manifestProblems(manifests)).toEqual([]);
  });

  it("would be found out: each of these mistakes is named, with its manifest", () => {
    const mistakes: [kind: string, breakIt: (m: Manifest) => unknown, named: RegExp][] = [
      ["Deployment", (m) => (m.spec.replicas = "one"), /replicas.*integer/],
      ["Deployment", (m) => delete m.spec.selector, /selector/],
      ["Deployment", (m) => (container(m).securityContext.readOnlyRootFileSystem = true), /readOnlyRootFileSystem/],
      ["Deployment", (m) => delete container(m).name, /name/],
      ["Deployment", (m) => (m.spec.template.spec.volumes[0].sercet = {}), /sercet/],
      ["Deployment", (m) => (container(m).ports[0].containerPort = "http"), /containerPort/],
      ["Deployment", (m) => (m.metadata.lables = {}), /lables/],
      ["Job", (m) => (m.spec.completions = "many"), /completions.*integer/],
      ["Job", (m) => (m.spec.backoffLimitPerIndx = 3), /backoffLimitPerIndx/],
      ["Job", (m) => delete m.spec.template, /template/],
      ["Job", (m) => (m.spec.podFailurePolicy.rules[0].onPodCondition = []), /onPodCondition/],
      ["Service", (m) => delete m.spec.ports[0].port, /port/],
      ["Service", (m) => (m.spec.ports[0].targetport = 1), /targetport/],
      ["Ingress", (m) => delete m.spec.rules[0].http.paths[0].pathType, /pathType/],
      ["Ingress", (m) => (m.spec.rules[0].http.paths[0].backend.serviceName = "biovlm"), /serviceName/],
      ["Ingress", (m) => (m.metadata.annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"] = 60), /annotations|string/],
      ["HTTPRoute", (m) => (m.spec.rules[0].matches[0].path.type = "Prefix"), /type.*allowed/],
      ["HTTPRoute", (m) => (m.spec.rules[0].backendRefs[0].port = "http"), /port.*integer/],
      ["HTTPRoute", (m) => (m.spec.parentRef = []), /parentRef/],
      ["HTTPRoute", (m) => (m.spec.rules[0].matches[0].method = { service: "x" }), /method/],
      ["GRPCRoute", (m) => (m.spec.hostnames = ["biovlm.example.org:443"]), /hostnames/],
      ["GRPCRoute", (m) => (m.spec.rules[0].matches[0].path = { value: "/" }), /path/],
      ["ServingRuntime", (m) => (m.spec.protocolVersions = ["v3"]), /protocolVersions.*allowed/],
      ["ServingRuntime", (m) => (m.spec.containers = []), /containers/],
      ["ServingRuntime", (m) => (m.spec.supportedModelFormats[0].autoselect = true), /autoselect/],
      ["ServingRuntime", (m) => (m.spec.supportedModelFormats[0].version = 1), /version/],
      ["ServingRuntime", (m) => (m.spec.containers[0].securityContext.runAsUser = "root"), /runAsUser/],
      ["ServingRuntime", (m) => (m.spec.containers[0].resorces = {}), /resorces/],
      ["ServingRuntime", (m) => (m.apiVersion = "serving.kserve.io/v1beta1"), /no schema/],
      ["InferenceService", (m) => delete m.spec.predictor.model.modelFormat, /modelFormat/],
      ["InferenceService", (m) => (m.spec.predictor.model.storageUri = "models"), /storageUri/],
      ["InferenceService", (m) => (m.spec.predictor.model.protocolVersion = "V2"), /protocolVersion/],
      ["InferenceService", (m) => (m.metadata.name = "Bio_VLM"), /name/],
      ["ScaledObject", (m) => (m.spec.triggers[0].metadata.threshold = 32), /threshold.*string/],
      ["ScaledObject", (m) => delete m.spec.triggers[0].metadata.query, /query/],
      ["ScaledObject", (m) => (m.spec.triggers[0].metadata.treshold = "1"), /treshold/],
      ["ScaledObject", (m) => (m.spec.maxReplicas = 3), /maxReplicas/],
      ["ScaledObject", (m) => (m.spec.triggers = []), /triggers/],
    ];
    // one program for all: the type-checker is what costs time
    const broken = mistakes.map(([kind, breakIt], i) => {
      const manifest = structuredClone(all().find((m) => m.kind === kind)!);
      manifest.metadata.name = `m${i}`;
      breakIt(manifest);
      return manifest;
    });
    const problems = manifestProblems(broken);
    for (const [i, [kind, , named]] of mistakes.entries()) {
      const subject = `${kind} ${broken[i]!.metadata.name}`;
      const own = problems.filter((p) => p.startsWith(`${subject}:`) || p.startsWith(`${subject} `));
      expect(own.join("\n"), `${i}: ${kind} ${named}`).toMatch(named);
    }
    console.log(`manifests: ${mistakes.length} of ${mistakes.length} mistakes found`);
  });

  it("are read strictly: a key twice, a tab, or a document without a kind is refused", () => {
    expect(() => readManifests("a: 1\na: 2\n")).toThrow(/unique/);
    expect(() => readManifests("apiVersion: v1\nkind: Service\nspec:\n\tports: []\n")).toThrow();
    expect(() => readManifests("spec: {}\n")).toThrow(/kind/);
  });
});

function container(manifest: Manifest) {
  return manifest.spec.template.spec.containers[0];
}

describe("the manifests together", () => {
  const manifests = all();
  const of = (kind: string) => manifests.find((m) => m.kind === kind)!;

  it("point at each other: service at pods, scaling at the deployment, inference service at its runtime", () => {
    const pod = of("Deployment").spec.template;
    expect(of("Deployment").spec.selector.matchLabels).toEqual(pod.metadata.labels);
    expect(pod.metadata.labels).toMatchObject(of("Service").spec.selector);
    expect(container(of("Deployment")).ports.map((p: { name: string }) => p.name)).toContain(of("Service").spec.ports[0].targetPort);
    expect(of("ScaledObject").spec.scaleTargetRef.name).toBe(of("Deployment").metadata.name);
    expect(of("ScaledObject").spec.minReplicaCount).toBeLessThanOrEqual(of("ScaledObject").spec.maxReplicaCount);
    const { model } = of("InferenceService").spec.predictor;
    expect(model.runtime).toBe(of("ServingRuntime").metadata.name);
    expect(of("ServingRuntime").spec.supportedModelFormats.map((f: { name: string }) => f.name)).toContain(model.modelFormat.name);
    expect(of("ServingRuntime").spec.protocolVersions).toContain(model.protocolVersion);
  });

  it("hand out one shard an index, and try each again a bounded number of times", () => {
    const { spec } = of("Job");
    expect(spec.completionMode).toBe("Indexed");
    expect(spec.template.spec.restartPolicy).toBe("Never");
    expect(spec.backoffLimitPerIndex).toBeGreaterThan(0);
    expect(spec.parallelism).toBeLessThanOrEqual(spec.completions);
    const names = spec.template.spec.volumes.map(({ name }: { name: string }) => name);
    const [{ volumeMounts, securityContext, resources }] = spec.template.spec.containers;
    expect(volumeMounts.map(({ name }: { name: string }) => name).sort()).toEqual(names.sort());
    expect(securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(resources.limits.memory).toBeDefined();
  });

  it("give the server no right that it does not need, a bound on memory, and time to drain", () => {
    for (const spec of [of("Deployment").spec.template.spec, of("ServingRuntime").spec]) {
      for (const { image, securityContext, resources, startupProbe, readinessProbe, livenessProbe } of spec.containers) {
        expect(securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        // the number is the image's or the platform's: OpenShift refuses one that is written here
        expect({ ...spec.securityContext, ...securityContext }).toMatchObject({ runAsNonRoot: true });
        expect({ ...spec.securityContext, ...securityContext }).not.toHaveProperty("runAsUser");
        expect(resources.limits.memory).toBeDefined();
        expect(resources.requests.cpu).toBeDefined();
        expect(image).toMatch(/:(?!latest$)[^:]+$/);
        expect(readinessProbe.httpGet.path).not.toBe(livenessProbe.httpGet.path);
        // a second, Kubernetes' own, is less than a busy machine takes while a model opens
        for (const { timeoutSeconds } of [startupProbe, readinessProbe, livenessProbe]) expect(timeoutSeconds).toBeGreaterThanOrEqual(3);
      }
      const mounts = spec.containers[0].volumeMounts.map((m: { name: string }) => m.name).sort();
      expect(mounts).toEqual(spec.volumes.map((v: { name: string }) => v.name).sort());
    }
    expect(of("Deployment").spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(10);
  });
});
