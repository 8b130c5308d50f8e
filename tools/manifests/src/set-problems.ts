// Manifests that are applied together → what would fail between them, though each fits its schema: what a scaler and the deployment both decide, a
// volume that cannot be where the pods are, times that do not add up, ports that nobody has. Reads values only.

import type { Manifest } from "./manifest-problems.js";

/** biome-ignore lint/suspicious/noExplicitAny: a part of a manifest */
type Part = Record<string, any>;

/** Seconds that a server takes to end, and how long its platform waits: `--drain-delay-ms` and `--drain-ms` as they are unless set. */
const DRAIN_DELAY_S = 5;
const DRAIN_S = 10;

/** One line a fault, none for a set that a cluster can run. */
export function setProblems(manifests: readonly Manifest[]): string[] {
  const problems: string[] = [];
  const of = (...kinds: string[]) => manifests.filter(({ kind }) => kinds.includes(kind));
  for (const manifest of of("Deployment", "Job")) {
    const where = `${manifest.kind} ${manifest["metadata"].name}`;
    problems.push(...podProblems(manifest["spec"].template.spec).map((problem) => `${where}: ${problem}`));
  }
  for (const deployment of of("Deployment")) {
    const name: string = deployment["metadata"].name;
    const say = (what: string) => problems.push(`Deployment ${name}: ${what}`);
    const { replicas, strategy, template } = deployment["spec"];
    const scalers = of("HorizontalPodAutoscaler", "ScaledObject").filter(({ spec }) => spec.scaleTargetRef.name === name);
    if (scalers.length > 1) say("two scalers");
    if (scalers.length > 0 && replicas !== undefined) say("replicas, though a scaler decides: each apply would set the number back");
    if (scalers.length === 0 && replicas === undefined) say("no replicas and no scaler");
    for (const { persistentVolumeClaim } of template.spec.volumes as Part[]) {
      const claim = of("PersistentVolumeClaim").find(({ metadata }) => metadata.name === persistentVolumeClaim?.claimName);
      if (claim === undefined || !claim["spec"].accessModes.includes("ReadWriteOnce")) continue;
      const pods = scalers.length > 0 ? Math.max(...scalers.map(({ spec }) => spec.maxReplicas ?? spec.maxReplicaCount)) : replicas;
      if (pods > 1) say(`${pods} pods on ${claim["metadata"].name}, which one node mounts`);
      if (strategy.type !== "Recreate") say(`a new pod waits for ${claim["metadata"].name}, which the old one's node holds: Recreate`);
    }
    const labels = template.metadata.labels;
    const ports = (template.spec.containers as Part[]).flatMap(({ ports = [] }) => ports.map((port: Part) => port["name"]));
    const selects = (selector: Part) => Object.entries(selector).every(([key, value]) => labels[key] === value);
    const asked = [
      ...of("Service").flatMap(({ spec }) =>
        selects(spec.selector) ? spec.ports.map((port: Part) => ["Service", port["targetPort"]]) : [],
      ),
      ...of("PodMonitor").flatMap(({ spec }) => spec.podMetricsEndpoints.map(({ port }: Part) => ["PodMonitor", port])),
      ...of("NetworkPolicy").flatMap(({ spec }) =>
        spec.ingress.flatMap((rule: Part) => rule["ports"].map(({ port }: Part) => ["NetworkPolicy", port])),
      ),
    ];
    for (const [from, port] of asked) if (!ports.includes(port)) say(`no port ${port}, which the ${from} names`);
    for (const kind of ["Service", "NetworkPolicy"]) if (!asked.some(([from]) => from === kind)) say(`no ${kind} for it`);
    const services = of("Service").map(({ metadata, spec }) => ({ name: metadata.name, ports: spec.ports as Part[] }));
    const leads: Part[] = [
      ...of("Ingress").flatMap(({ spec }) =>
        spec.rules.flatMap((rule: Part) => rule["http"].paths.map(({ backend }: Part) => backend.service)),
      ),
      ...of("HTTPRoute", "GRPCRoute").flatMap(({ spec }) => spec.rules.flatMap((rule: Part) => rule["backendRefs"])),
    ];
    for (const { name: service, port } of leads) {
      const found = services
        .find((candidate) => candidate.name === service)
        ?.ports.some((p) => p["name"] === port.name || p["port"] === port);
      if (found !== true) say(`no port ${port.name ?? port} of a Service ${service}, where callers are led`);
    }
    const [http, grpc] = ["HTTPRoute", "GRPCRoute"].map((kind) => of(kind).flatMap(({ spec }) => spec.hostnames ?? ["*"])) as [
      string[],
      string[],
    ];
    const both = http.filter((host) => grpc.includes(host) || (host === "*" && grpc.length > 0));
    if (both.length > 0) say(`${both}: a Gateway takes one kind of route for a name`);
    for (const { spec } of of("PodDisruptionBudget"))
      if (spec.minAvailable !== undefined) say("minAvailable: with one pod no node could be drained; maxUnavailable");
  }
  return problems;
}

function podProblems(pod: Part): string[] {
  const problems: string[] = [];
  const containers: Part[] = [...(pod["initContainers"] ?? []), ...pod["containers"]];
  if (pod["enableServiceLinks"] !== false)
    problems.push("enableServiceLinks: a Service called biovlm would set BIOVLM_PORT to its address");
  if (new Set(containers.map(({ image }) => image)).size > 1) problems.push("two images");
  const volumes: string[] = pod["volumes"].map(({ name }: Part) => name);
  for (const { name, securityContext = {}, volumeMounts = [], lifecycle, args = [] } of containers) {
    if (securityContext.readOnlyRootFilesystem !== true) problems.push(`${name}: may write to its root`);
    for (const { name: volume } of volumeMounts) if (!volumes.includes(volume)) problems.push(`${name}: no volume ${volume}`);
    const paths = volumeMounts.map(({ mountPath }: Part) => mountPath);
    if (new Set(paths).size < paths.length) problems.push(`${name}: a path mounted twice`);
    for (const path of ["/tmp", "/var/lib/biovlm"]) if (!paths.includes(path)) problems.push(`${name}: ${path} cannot be written`);
    const flags = args.filter((word: string) => /^--(?!bank$|class$|model$)/.test(word));
    if (new Set(flags).size < flags.length) problems.push(`${name}: an option twice: ${flags}`);
    if (lifecycle === undefined) continue;
    const needed = lifecycle.preStop.sleep.seconds + DRAIN_DELAY_S + DRAIN_S;
    if (pod["terminationGracePeriodSeconds"] < needed) problems.push(`${name}: killed before ${needed} s, which its end may take`);
  }
  for (const user of [pod["securityContext"], ...containers.map(({ securityContext }) => securityContext)])
    if (user?.runAsUser !== undefined) problems.push("a user by number: OpenShift gives its own");
  return problems;
}
