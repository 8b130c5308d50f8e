// What an attribute file is: the classes of one data set, in label order, each with phrases that describe how it looks,
// and the template that makes a sentence of a class and a phrase. The schema is plain JSON Schema and may be published.

import { NAME_PATTERN } from "@biovlm/files";
import { DatasetError } from "./errors.js";
import { parseJsonText } from "./json-text.js";

const text = (maxLength: number) => ({ type: "string", minLength: 1, maxLength, pattern: "\\S" }) as const;

/** JSON Schema of an attribute file. Two rules it cannot say are checked beside it: ids are 0, 1, 2, … and names are distinct. */
export const AttributeSetSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "biovlm attribute set",
  type: "object",
  required: ["dataset", "modality", "template", "classes"],
  properties: {
    dataset: { type: "string", pattern: NAME_PATTERN.source },
    modality: text(200),
    template: { type: "string", maxLength: 400, pattern: "\\{class\\}" },
    classes: {
      type: "array",
      items: {
        type: "object",
        required: ["id", "name", "attributes"],
        properties: {
          id: { type: "integer", minimum: 0 },
          name: text(200),
          attributes: { type: "array", items: text(400), minItems: 1, maxItems: 1000 },
        },
        additionalProperties: false,
      },
      minItems: 1,
      maxItems: 10_000,
    },
  },
  additionalProperties: false,
} as const;

/** The attributes of one data set; `classes[c].id === c`. */
export interface AttributeSet {
  dataset: string;
  modality: string;
  /** makes a sentence of "{class}" and "{attribute}" */
  template: string;
  classes: {
    id: number;
    name: string;
    attributes: string[];
  }[];
}

/**
 * Reads an attribute file. What checks it is loaded at the first call: 236 modules, a tenth of a second that no other command waits for.
 * @param source its text, or the value already parsed
 * @throws DatasetError `bad_file`, `bad_attributes`, `too_large`
 */
export async function parseAttributeSet(source: string | unknown): Promise<AttributeSet> {
  const value = typeof source === "string" ? parseJsonText(source, "attributes") : source;
  // of typebox the part that reads JSON Schema: the whole takes half a second to load
  const { Check, Errors } = await import("typebox/schema");
  const fits = (given: unknown): given is AttributeSet => Check(AttributeSetSchema, given);
  if (!fits(value)) {
    const error = Errors(AttributeSetSchema, value)[1].at(-1);
    throw bad(error === undefined ? "does not match its schema" : `${error.instancePath || "the file"} ${error.message}`);
  }
  value.classes.forEach(({ id, name }, index) => {
    if (id !== index) throw bad(`class "${name}" has id ${id} at place ${index}; ids are 0, 1, 2, … in order`);
    if (value.classes.findIndex((other) => other.name === name) !== index) throw bad(`class "${name}" stands twice`);
  });
  const counts = new Set(value.classes.map(({ attributes }) => attributes.length));
  if (counts.size > 1) throw bad(`classes with ${[...counts].join(" and ")} attributes; every class needs as many as the others`);
  if (!value.template.includes("{attribute}")) throw bad("template without {attribute}");
  return value;
}

function bad(what: string): DatasetError {
  return new DatasetError("bad_attributes", `attribute file — ${what}. See AttributeSetSchema for the form.`);
}
