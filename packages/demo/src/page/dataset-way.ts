// "Known data set": its classes, and the attribute phrases that make its sentences, which a person may write anew. What is written is used for
// answers and for learning alike.

import type { ClassSource, KnownDataset } from "../engine/protocol.js";
import { byId, element, plainName, visibleText } from "./elements.js";
import { fieldError } from "./field-error.js";
import type { Session } from "./session.js";

type DatasetSource = Extract<ClassSource, { kind: "dataset" }>;

export interface DatasetWay {
  /** What is chosen, or undefined after saying beside its field what is wrong. */
  chosen(): DatasetSource | undefined;
  /** Shows a choice that was made elsewhere, or earlier. */
  show(source: DatasetSource): void;
}

export function datasetWay(session: Session): DatasetWay {
  const choice = byId<HTMLSelectElement>("dataset");
  const fields = byId("sentence-fields");
  const wrong = fieldError(byId("sentences"));
  let wanted: DatasetSource | undefined;
  const known = () => session.opened?.datasets.find(({ name }) => name === choice.value);

  function draw(): void {
    const set = known();
    if (set === undefined) return;
    const own = wanted?.name === set.name && wanted.attributes?.length === set.classes.length ? wanted.attributes : undefined;
    byId("dataset-classes").textContent = `${set.modality}: ${set.classes.map(plainName).join(", ")}`;
    byId("sentence-template").textContent =
      `One phrase a line, as many for each class. Each makes a sentence: “${visibleText(set.template)}”.`;
    fields.replaceChildren(...set.classes.flatMap((name, c) => classField(name, c, own?.[c] ?? set.attributes[c] ?? [])));
    wrong("");
  }

  choice.addEventListener("change", () => {
    if (wanted?.name !== choice.value) wanted = undefined;
    draw();
  });
  byId("own-sentences").addEventListener("click", () => {
    wanted = undefined;
    draw();
  });
  session.listen((change) => {
    const datasets = session.opened?.datasets ?? [];
    if (change !== "device" || datasets.length === 0 || choice.options.length > 0) return;
    choice.append(...datasets.map((d) => element("option", { text: d.name, attributes: { value: d.name } })));
    if (wanted !== undefined) choice.value = wanted.name;
    draw();
  });

  return {
    chosen() {
      const set = known();
      const attributes = [...fields.querySelectorAll("textarea")].map(({ value }) => phrases(value));
      const problem = set === undefined ? "" : problemOf(set, attributes);
      wrong(problem);
      if (problem !== "") byId<HTMLDetailsElement>("sentences").open = true;
      if (problem !== "") return undefined;
      const same = set === undefined || JSON.stringify(attributes) === JSON.stringify(set.attributes);
      return { kind: "dataset", name: choice.value, ...(same ? {} : { attributes }) };
    },
    show(source) {
      wanted = source;
      choice.value = source.name;
      draw();
    },
  };
}

function classField(name: string, c: number, attributes: readonly string[]): HTMLElement[] {
  const field = element("textarea", { attributes: { id: `sentence-${c}`, rows: "4", spellcheck: "false" } });
  field.value = attributes.join("\n");
  return [element("label", { text: plainName(name), attributes: { for: field.id } }), field];
}

function phrases(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** Longer phrases are no phrases: an attribute file takes none either. */
const MOST_LETTERS = 400;

function problemOf({ classes }: KnownDataset, attributes: readonly (readonly string[])[]): string {
  const counts = attributes.map(({ length }) => length);
  if (counts.some((count) => count === 0 || count !== counts[0]))
    return `As many phrases for each class, at least one: now ${classes.map((name, c) => `${plainName(name)} ${counts[c] ?? 0}`).join(", ")}.`;
  return attributes.flat().some(({ length }) => length > MOST_LETTERS) ? `A phrase has at most ${MOST_LETTERS} letters.` : "";
}
