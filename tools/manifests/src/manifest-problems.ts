// A file of manifests → what a cluster would have against it. Kubernetes' own kinds go by kubernetes-models, those of KServe and KEDA by the
// schemas beside this folder. Nothing here knows what the manifests are for.

import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parseAllDocuments } from "yaml";
import { declarationFaults, schemaFault, type TypedValue } from "./kubernetes-types.js";

/** biome-ignore lint/suspicious/noExplicitAny: a manifest of any kind */
export type Manifest = Record<string, any> & { apiVersion: string; readonly kind: string };

const OWN_KINDS: Readonly<Record<string, string>> = {
  "apps/v1 Deployment": "Deployment",
  "autoscaling/v2 HorizontalPodAutoscaler": "HorizontalPodAutoscaler",
  "batch/v1 Job": "Job",
  "networking.k8s.io/v1 Ingress": "Ingress",
  "networking.k8s.io/v1 NetworkPolicy": "NetworkPolicy",
  "policy/v1 PodDisruptionBudget": "PodDisruptionBudget",
  "v1 ConfigMap": "ConfigMap",
  "v1 PersistentVolumeClaim": "PersistentVolumeClaim",
  "v1 Service": "Service",
  "v1 ServiceAccount": "ServiceAccount",
};

const SCHEMAS: Readonly<Record<string, string>> = {
  "gateway.networking.k8s.io/v1 GRPCRoute": "gateway-route",
  "gateway.networking.k8s.io/v1 HTTPRoute": "gateway-route",
  "serving.kserve.io/v1alpha1 ServingRuntime": "kserve-serving-runtime",
  "serving.kserve.io/v1beta1 InferenceService": "kserve-inference-service",
  "keda.sh/v1alpha1 ScaledObject": "keda-scaled-object",
  "monitoring.coreos.com/v1 PodMonitor": "prometheus-pod-monitor",
  "monitoring.coreos.com/v1 PrometheusRule": "prometheus-rule",
};

/** @throws for a file that is not YAML, or a document that names no kind */
export function readManifests(text: string): Manifest[] {
  return parseAllDocuments(text, { strict: true, uniqueKeys: true }).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    const value = document.toJS() as Manifest;
    if (typeof value?.apiVersion !== "string" || typeof value.kind !== "string") throw new Error("a document without apiVersion and kind.");
    return value;
  });
}

/** One line a fault: kind and name, place, what is wrong. None for manifests that a cluster takes. */
export function manifestProblems(manifests: readonly Manifest[]): string[] {
  const problems: string[] = [];
  const typed: TypedValue[] = [];
  for (const manifest of manifests) {
    const where = `${manifest.kind} ${manifest["metadata"]?.name}`;
    const kind = `${manifest.apiVersion} ${manifest.kind}`;
    const own = OWN_KINDS[kind];
    const schema = SCHEMAS[kind];
    if (own !== undefined) {
      const value = { type: own, value: manifest, where };
      typed.push(value);
      const fault = schemaFault(value);
      if (fault !== "") problems.push(`${where}: ${fault}`);
    } else if (schema !== undefined) {
      problems.push(...schemaProblems(schema, manifest, where, typed));
    } else problems.push(`${where}: no schema for ${kind}`);
  }
  return [...problems, ...declarationFaults(typed)];
}

function schemaProblems(schema: string, manifest: Manifest, where: string, typed: TypedValue[]): string[] {
  const faults: string[] = [];
  const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false, strictRequired: false });
  ajv.addKeyword({
    keyword: "kubernetes",
    schemaType: "string",
    validate: (type: string, value: unknown, _parent: unknown, context?: { instancePath: string }) => {
      const found = { type, value, where: `${where} ${context?.instancePath ?? ""}` };
      typed.push(found);
      const fault = schemaFault(found);
      if (fault !== "") faults.push(`${found.where}: ${fault}`);
      return true;
    },
  });
  const validate = ajv.compile(JSON.parse(readFileSync(new URL(`../schemas/${schema}.json`, import.meta.url), "utf8")));
  if (!validate(manifest)) {
    for (const { instancePath, message, params } of validate.errors ?? []) {
      faults.push(`${where} ${instancePath}: ${message} ${JSON.stringify(params)}`);
    }
  }
  return faults;
}
