// What an option is: one table, from which come its type, its default, its check and a command's flag. A field is a JSON Schema of a boolean, a
// number or a text, written as plain data: help must be quick, and a schema library takes longer to load than help takes to print.

interface Described {
  /** one fragment, lower case, no full stop: what it is or does */
  readonly description: string;
}

/** On or off. */
export interface BooleanOption extends Described {
  readonly type: "boolean";
  readonly default: boolean;
}
/** A number within limits, both included. Its unit stands in the option's name: …Ms, …Bytes, …Pixels. */
export interface NumericOption extends Described {
  readonly type: "integer" | "number";
  readonly minimum: number;
  readonly maximum: number;
  readonly default?: number;
}
/** A text, or one of a few. */
export interface StringOption extends Described {
  readonly type: "string";
  readonly enum?: readonly string[];
  readonly default?: string;
}

/** One option. Without a default it may be absent. */
export type OptionSchema = BooleanOption | NumericOption | StringOption;
/** Options by name, camelCase. */
export type OptionSchemas = Readonly<Record<string, OptionSchema>>;

/** Type of one option's value. */
export type OptionValue<O> = O extends { readonly type: "boolean" }
  ? boolean
  : O extends { readonly type: "integer" | "number" }
    ? number
    : O extends { readonly enum: readonly (infer E)[] }
      ? E
      : string;

/** Values of options: those with a default are there, the others may be absent. */
export type OptionsOf<S> = {
  readonly [K in keyof S as S[K] extends { readonly default: unknown } ? K : never]: OptionValue<S[K]>;
} & {
  readonly [K in keyof S as S[K] extends { readonly default: unknown } ? never : K]?: OptionValue<S[K]>;
};

/** Options as they are given: any may be absent. */
export type GivenOptions<S> = { readonly [K in keyof S]?: OptionValue<S[K]> | undefined };

/**
 * Fills defaults in and checks every value against its schema; names that are no option are left out.
 * @param refused makes the error from "maxBatch: expected a whole number from 1 to 1024, got 0"
 */
export function filledOptions<const S extends OptionSchemas>(
  schemas: S,
  given: GivenOptions<S>,
  refused: (what: string) => Error,
): OptionsOf<S> {
  const filled: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(schemas)) {
    const value: unknown = Reflect.get(given, name) ?? schema.default;
    if (value === undefined) continue;
    const expected = misfit(schema, value);
    if (expected !== undefined) throw refused(`${name}: expected ${expected}, got ${String(value).slice(0, 80)}`);
    filled[name] = value;
  }
  return filled as OptionsOf<S>;
}

/** What was expected, where the value is something else. */
function misfit(schema: OptionSchema, value: unknown): string | undefined {
  switch (schema.type) {
    case "boolean":
      return typeof value === "boolean" ? undefined : "true or false";
    case "string": {
      if (schema.enum === undefined) return typeof value === "string" ? undefined : "a text";
      return typeof value === "string" && schema.enum.includes(value) ? undefined : `one of ${schema.enum.join(", ")}`;
    }
    default: {
      const { type, minimum, maximum } = schema;
      const fits = typeof value === "number" && value >= minimum && value <= maximum && (type === "number" || Number.isSafeInteger(value));
      return fits ? undefined : `a ${type === "integer" ? "whole " : ""}number from ${minimum} to ${maximum}`;
    }
  }
}
