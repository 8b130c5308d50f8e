// Options of the engine and the server → flags of a command. The one place where such a flag is made: its values, limits, default and words are
// the schema's; how it is shown (a placeholder, what completion offers) may be added.

import type { OptionSchema, OptionSchemas, OptionValue } from "@biovlm/engine/options";
import type { OptionSpec } from "./command.js";

/** How a flag is shown, beside what its schema says. */
export interface Shown {
  /** placeholder in help, e.g. "FILE" */
  readonly value?: string;
  /** what shell completion offers */
  readonly completes?: "file" | "folder";
}

/** What every flag of a schema has. */
export interface SchemaFlag {
  readonly description: string;
  readonly setting: true;
}
/** A number within limits. */
export interface NumericFlag extends SchemaFlag {
  readonly type: "integer" | "number";
  readonly min: number;
  readonly max: number;
}
/** Bytes or pixels. */
export interface SizeFlag extends SchemaFlag {
  readonly type: "size";
  readonly min: number;
  readonly max: number;
}

/** The flag of one option; a name that ends in its unit, Bytes or Pixels, makes it a size with suffixes. */
export type FlagOf<Name extends string, O> = O extends { readonly type: "boolean" }
  ? SchemaFlag & { readonly type: "flag" }
  : O extends { readonly type: "integer" | "number" }
    ? Name extends `${string}${"Bytes" | "Pixels"}`
      ? SizeFlag & DefaultOf<O, string>
      : NumericFlag & DefaultOf<O, number>
    : O extends { readonly enum: readonly string[] }
      ? SchemaFlag & { readonly type: "choice"; readonly choices: readonly OptionValue<O>[] } & DefaultOf<O, string>
      : SchemaFlag & Shown & { readonly type: "text" } & DefaultOf<O, string>;

type DefaultOf<O, D> = O extends { readonly default: unknown } ? { readonly default: D } : unknown;

/**
 * Flags of the named options of a table. Each may also come from the environment and from config files.
 * @example const RUNTIME_OPTIONS = flagsOf(OPENING_OPTIONS, ["device", "threads"]);
 */
export function flagsOf<const S extends OptionSchemas, const K extends keyof S & string>(
  schemas: S,
  names: readonly K[],
  shown: { readonly [P in K]?: Shown } = {},
): { readonly [P in K]: FlagOf<P, S[P]> } {
  const flags = names.map((name): [string, OptionSpec] => [name, flagOf(name, schemas[name] as OptionSchema, shown[name])]);
  return Object.fromEntries(flags) as { readonly [P in K]: FlagOf<P, S[P]> };
}

function flagOf(name: string, schema: OptionSchema, shown: Shown = {}): OptionSpec {
  const { description } = schema;
  const common = { description, setting: true, ...shown };
  if (schema.type === "boolean") return { type: "flag", ...common };
  if (schema.type === "string") {
    const given = schema.default === undefined ? {} : { default: schema.default };
    return schema.enum === undefined
      ? { type: "text", ...common, ...given }
      : { type: "choice", choices: schema.enum, ...common, ...given };
  }
  const limits = { min: schema.minimum, max: schema.maximum };
  const unit = /(Bytes|Pixels)$/.exec(name)?.[1];
  if (unit !== undefined) {
    const given = schema.default === undefined ? {} : { default: sizeText(schema.default, unit === "Bytes") };
    return { type: "size", ...limits, ...common, ...given };
  }
  return { type: schema.type, ...limits, ...common, ...(schema.default === undefined ? {} : { default: schema.default }) };
}

/** 16777216 → "16MiB", 25000000 → "25M": as the person would write it. */
function sizeText(value: number, binary: boolean): string {
  const units: readonly (readonly [number, string])[] = binary
    ? [
        [2 ** 30, "GiB"],
        [2 ** 20, "MiB"],
        [2 ** 10, "KiB"],
      ]
    : [
        [1e9, "G"],
        [1e6, "M"],
        [1e3, "k"],
      ];
  const [size, suffix] = units.find(([one]) => value >= one && value % one === 0) ?? [1, ""];
  return `${value / size}${suffix}`;
}
