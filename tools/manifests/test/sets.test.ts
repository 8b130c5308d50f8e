// What is applied together, as kustomize and Helm make it: rules between manifests that no schema has, each shown to find its mistake; and overlays
// of a platform's own, made of the components.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { findProgram } from "@biovlm/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { type Manifest, readManifests } from "../src/manifest-problems.js";
import { setProblems } from "../src/set-problems.js";
import { built, deploy, kustomized } from "./built.js";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "biovlm-sets-")));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const [kustomize, helm] = [findProgram("kustomize"), findProgram("helm")];

/** An overlay of a platform's own: the base with components, and more words of a kustomization. */
function own(name: string, components: readonly string[], more: object = {}): Manifest[] {
  const place = join(folder, name);
  mkdirSync(place);
  const at = (path: string) => relative(place, join(deploy, "kubernetes", path));
  const kustomization = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    resources: [at("base")],
    components: components.map((component) => at(`components/${component}`)),
    ...more,
  };
  writeFileSync(join(place, "kustomization.yaml"), stringify(kustomization));
  return kustomized(place);
}
const of = (manifests: readonly Manifest[], kind: string) => manifests.find((manifest) => manifest.kind === kind)!;
const pod = (manifests: readonly Manifest[]) => of(manifests, "Deployment")["spec"].template.spec;

describe.skipIf(kustomize === undefined)("what kustomize makes", () => {
  it("can run as a whole, every overlay", () => {
    for (const overlay of readdirSync(`${deploy}kubernetes/overlays`))
      expect(setProblems(kustomized(`${deploy}kubernetes/overlays/${overlay}`)), overlay).toEqual([]);
  });

  it("can run on storage that one node mounts: one pod that ends before the next begins", () => {
    const manifests = own("one-node", ["model-volume", "one-node"]);
    expect(setProblems(manifests)).toEqual([]);
    expect(of(manifests, "Deployment")["spec"].strategy).toEqual({ type: "Recreate" });
    expect(of(manifests, "PersistentVolumeClaim")["spec"].accessModes).toEqual(["ReadWriteOnce"]);
    expect(setProblems(own("one-node-scaled", ["model-volume", "one-node", "keda"])).join("\n")).toMatch(/8 pods on biovlm-state/);
  });

  it("is reached by the Gateway API, gRPC under a name of its own", () => {
    const manifests = own("gateway", ["grpc", "gateway", "gateway-grpc"]);
    expect(setProblems(manifests)).toEqual([]);
    const broken = structuredClone(manifests);
    of(broken, "GRPCRoute")["spec"].hostnames = of(broken, "HTTPRoute")["spec"].hostnames;
    of(broken, "HTTPRoute")["spec"].rules[0].backendRefs[0].port = 8080;
    expect(setProblems(broken).join("\n")).toMatch(/no port 8080 of a Service biovlm.*\n.*one kind of route/);
  });

  it("asks for a GPU, with the image that has CUDA", () => {
    const images = [{ name: "biovlm", newName: "registry.example/biovlm-cuda" }];
    const [server] = pod(own("gpu", ["model-volume", "gpu"], { images })).containers;
    expect([server.resources.limits["nvidia.com/gpu"], server.image]).toEqual([
      1,
      expect.stringMatching(/^registry.example\/biovlm-cuda:\d/),
    ]);
  });

  it("takes a registry of one's own in one place, for the init container too", () => {
    const images = [{ name: "biovlm", newName: "registry.example/team/biovlm", newTag: "1.2.3" }];
    const { containers, initContainers } = pod(own("registry", ["model-bundle"], { images }));
    expect([...containers, ...initContainers].map(({ image }: { image: string }) => image)).toEqual([
      "registry.example/team/biovlm:1.2.3",
      "registry.example/team/biovlm:1.2.3",
    ]);
  });

  it("would be found out: each of these mistakes between manifests is named", () => {
    const sound = () => kustomized(`${deploy}kubernetes/overlays/biomedclip-volume`);
    const mistakes: [breakIt: (all: Manifest[]) => unknown, named: RegExp][] = [
      [(all) => delete pod(all).enableServiceLinks, /BIOVLM_PORT/],
      [(all) => (of(all, "Deployment")["spec"].replicas = 1), /set the number back/],
      [(all) => all.push({ ...of(all, "ScaledObject") }), /two scalers/],
      [(all) => all.splice(all.indexOf(of(all, "ScaledObject")), 1), /no replicas/],
      [(all) => (of(all, "PersistentVolumeClaim")["spec"].accessModes = ["ReadWriteOnce"]), /8 pods .*\n.*Recreate/],
      [(all) => (of(all, "Service")["spec"].ports[0].targetPort = "https"), /no port https, which the Service/],
      [(all) => (of(all, "PodMonitor")["spec"].podMetricsEndpoints[0].port = "metric"), /no port metric, which the PodMonitor/],
      [(all) => pod(all).containers[0].ports.pop(), /no port metrics, which the NetworkPolicy/],
      [(all) => (of(all, "Service")["spec"].selector.app = "other"), /no Service/],
      [(all) => (of(all, "PodDisruptionBudget")["spec"].minAvailable = 1), /no node could be drained/],
      [(all) => (pod(all).terminationGracePeriodSeconds = 15), /killed before 20 s/],
      [(all) => (pod(all).securityContext.runAsUser = 10001), /OpenShift/],
      [(all) => (pod(all).containers[0].volumeMounts[1].mountPath = "/tmp"), /mounted twice\n.*\/var\/lib\/biovlm cannot/],
      [(all) => pod(all).volumes.pop(), /no volume tmp/],
      [(all) => pod(all).containers[0].args.push("--threads", "4"), /an option twice/],
      [(all) => (pod(all).containers[0].securityContext.readOnlyRootFilesystem = false), /may write to its root/],
      [(all) => (pod(all).initContainers = [{ ...pod(all).containers[0], image: "other:1" }]), /two images/],
    ];
    const whole = stringify(sound());
    expect(setProblems(sound())).toEqual([]);
    for (const [i, [breakIt, named]] of mistakes.entries()) {
      const all = structuredClone(sound());
      breakIt(all);
      expect(stringify(all), String(i)).not.toBe(whole);
      expect(setProblems(all).join("\n"), `${i}: ${named}`).toMatch(named);
    }
  });
});

describe("the jobs", () => {
  it("can run beside it, and one fills the claim that the server mounts", () => {
    const [bulk, fill] = ["bulk-job", "fill-job"].map((name) => readManifests(readFileSync(`${deploy}kubernetes/${name}.yaml`, "utf8")));
    expect(setProblems([...(bulk ?? []), ...(fill ?? [])])).toEqual([]);
    const [claim] = readManifests(readFileSync(`${deploy}kubernetes/components/model-volume/claim.yaml`, "utf8"));
    expect(fill?.[0]?.["spec"].template.spec.volumes[0].persistentVolumeClaim.claimName).toBe(claim?.["metadata"].name);
    const broken = structuredClone(fill ?? []);
    broken[0]!["spec"].template.spec.enableServiceLinks = true;
    expect(setProblems(broken).join()).toMatch(/^Job biovlm-fill: enableServiceLinks/);
  });
});

describe.skipIf(helm === undefined)("what the chart renders", () => {
  it.each([
    ["as it is", []],
    ["scaled, from a bundle", ["autoscaling.enabled=true", "model.bundleClaim=bundles", "metrics.podMonitor=true"]],
    ["from outside", ["ingress.enabled=true", "grpc.enabled=true", "config.serve.max-images=16"]],
  ])("can run as a whole: %s", (_what, sets) => {
    const words = ["template", "scans", `${deploy}helm/biovlm`, "--kube-version", "1.29.0"];
    expect(setProblems(built(helm ?? "", ...words, ...sets.flatMap((set) => ["--set", set])))).toEqual([]);
  });
});
