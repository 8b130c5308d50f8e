// What an attribute file is: the classes of one data set, in label order, each with phrases that describe how it looks,
// and the template that makes a sentence of a class and a phrase. The schema is plain JSON Schema and may be published.

import { NAME_PATTERN } from "@biovlm/files";
import { type Static, Type } from "typebox";
import { Check, Errors } from "typebox/value";
import { DatasetError } from "./errors.js";
import { parseJsonText } from "./json-text.js";

const text = (maxLength: number) => Type.String({ minLength: 1, maxLength, pattern: "\\S" });

/** JSON Schema of an attribute file. Two rules it cannot say are checked beside it: ids are 0, 1, 2, … and names are distinct. */
export const AttributeSetSchema = Type.Object(
  {
    dataset: Type.String({ pattern: NAME_PATTERN.source }),
    modality: text(200),
    template: Type.String({ maxLength: 400, pattern: "\\{class\\}" }),
    classes: Type.Array(
      Type.Object(
        {
          id: Type.Integer({ minimum: 0 }),
          name: text(200),
          attributes: Type.Array(text(400), { minItems: 1, maxItems: 1000 }),
        },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: 10_000 },
    ),
  },
  { $schema: "https://json-schema.org/draft/2020-12/schema", title: "biovlm attribute set", additionalProperties: false },
);

/** The attributes of one data set; `classes[c].id === c`. */
export type AttributeSet = Static<typeof AttributeSetSchema>;

/** Reads an attribute file. @param source its text, or the value already parsed @throws DatasetError `bad_file`, `bad_attributes`, `too_large` */
export function parseAttributeSet(source: string | unknown): AttributeSet {
  const value = typeof source === "string" ? parseJsonText(source, "attributes") : source;
  if (!Check(AttributeSetSchema, value)) {
    const error = Errors(AttributeSetSchema, value).at(-1);
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
