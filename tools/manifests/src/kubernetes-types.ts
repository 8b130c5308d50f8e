// Values checked as Kubernetes' own types, twice: by the schemas of the package kubernetes-models (types, required fields, enumerations), and by
// its TypeScript declarations, since the schemas let an unknown field pass and a cluster that validates strictly does not.

import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import * as apps from "kubernetes-models/apps/v1";
import * as autoscaling from "kubernetes-models/autoscaling/v2";
import * as batch from "kubernetes-models/batch/v1";
import * as networking from "kubernetes-models/networking.k8s.io/v1";
import * as policy from "kubernetes-models/policy/v1";
import * as core from "kubernetes-models/v1";
import ts from "typescript";

interface Model {
  validate(): void;
}
type ModelClass = new (value: never) => Model;

/** Type name → module that declares it. */
const MODULES = {
  "kubernetes-models/apps/v1": apps,
  "kubernetes-models/autoscaling/v2": autoscaling,
  "kubernetes-models/batch/v1": batch,
  "kubernetes-models/networking.k8s.io/v1": networking,
  "kubernetes-models/policy/v1": policy,
  "kubernetes-models/v1": core,
} as const;
const META = "@kubernetes-models/apimachinery/apis/meta/v1/ObjectMeta";

/** A value that must be of a Kubernetes type, and where it stands in its manifest. */
export interface TypedValue {
  readonly type: string;
  readonly value: unknown;
  readonly where: string;
}

function moduleOf(type: string): string {
  if (type === "ObjectMeta") return META;
  for (const [name, members] of Object.entries(MODULES)) if (type in members) return name;
  throw new Error(`no Kubernetes type ${type} — expected one of apps/v1, autoscaling/v2, batch/v1, networking.k8s.io/v1, policy/v1 or v1.`);
}

/** What the schema of a Kubernetes type has against a value; "" where nothing. ObjectMeta has no model of its own: a ConfigMap carries it. */
export function schemaFault({ type, value }: TypedValue): string {
  const name = type === "ObjectMeta" ? "ConfigMap" : type;
  const Class = (MODULES[moduleOf(name) as keyof typeof MODULES] as unknown as Record<string, ModelClass>)[name]!;
  const given = type === "ObjectMeta" ? { apiVersion: "v1", kind: "ConfigMap", metadata: value } : value;
  try {
    new Class(given as never).validate();
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * What the TypeScript declarations have against values, unknown fields above all: each value is type-checked as a literal, in one program.
 * @returns lines that begin with the value's `where`
 */
export function declarationFaults(values: readonly TypedValue[]): string[] {
  if (values.length === 0) return [];
  const require = createRequire(import.meta.url);
  const here = dirname(require.resolve("kubernetes-models/package.json"));
  const file = join(here, "..", "..", "manifest-values.ts");
  const lines = values.map(({ type, value }, i) => {
    return `import { I${type} as T${i} } from "${moduleOf(type)}"; export const v${i}: T${i} = ${JSON.stringify(value)};`;
  });
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.Preserve,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name === file || fileExists(name);
  host.getSourceFile = (name, version) =>
    name === file ? ts.createSourceFile(name, lines.join("\n"), version) : getSourceFile(name, version);
  const program = ts.createProgram([file], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ file: source, start, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, " ").slice(0, 300);
    if (source?.fileName !== file) return `${source === undefined ? "types" : relative(here, source.fileName)}: ${text}`;
    return `${values[source.getLineAndCharacterOfPosition(start ?? 0).line]!.where}: ${text}`;
  });
}
