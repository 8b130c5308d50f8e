// The attribute sets that come with the package: classes and phrases of 15 data sets, written for this project.
// Names, classes and sentences only; no images and no files are touched.

import { known } from "@biovlm/files";
import type { AttributeSet } from "./attribute-schema.js";
import { ATTRIBUTE_SETS } from "./attributes.generated.js";
import { requireKnown } from "./names.js";

/** Names of the data sets whose classes and attributes are known, in alphabetical order. */
export function listDatasets(): string[] {
  return Object.keys(ATTRIBUTE_SETS).sort();
}

/**
 * Modality, template, classes and attributes of a known data set (a copy: change it freely).
 * @throws DatasetError `bad_name`, or `unknown_dataset` with the nearest name
 * @example attributeSet("busi").classes[1].name // "malignant tumor"
 */
export function attributeSet(name: string): AttributeSet {
  return structuredClone(known(new Map(Object.entries(ATTRIBUTE_SETS)), requireKnown(name, listDatasets())));
}

/** Class names [C] in label order. @throws as attributeSet */
export function datasetClasses(name: string): string[] {
  return attributeSet(name).classes.map((entry) => entry.name);
}

/** The sentences of a set, [C][M]: `template` with {class} and {attribute} filled in. */
export function attributeSentences({ template, classes }: AttributeSet): string[][] {
  return classes.map(({ name, attributes }) => attributes.map((attribute) => fillTemplate(template, name, attribute)));
}

/** One sentence. What is filled in is never looked at for placeholders. */
export function fillTemplate(template: string, className: string, attribute: string): string {
  return template.replace(/\{(class|attribute)\}/g, (_, slot) => (slot === "class" ? className : attribute));
}
