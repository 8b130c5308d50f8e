// "What may they show?": names typed, a known data set's classes, or a bank file.

import type { ClassSource } from "../engine/protocol.js";
import { notice } from "./announcer.js";
import { byId, element, plainName, visibleText } from "./elements.js";
import type { Session } from "./session.js";

export interface ClassPanel {
  /** A bank file that came by another way, e.g. dropped on the page. */
  takeBank(file: File): void;
}

export function bindClasses(session: Session): ClassPanel {
  const names = byId<HTMLTextAreaElement>("class-names");
  const dataset = byId<HTMLSelectElement>("dataset");
  const datasetClasses = byId("dataset-classes");
  const bankInput = byId<HTMLInputElement>("bank-input");
  const bankName = byId("bank-name");
  const bankClasses = byId<HTMLTextAreaElement>("bank-classes");
  const apply = byId<HTMLButtonElement>("apply-classes");
  const summary = byId("bank-summary");
  const kinds = [...document.querySelectorAll<HTMLInputElement>('input[name="class-kind"]')];
  let bank: File | undefined;

  const kind = () => kinds.find((k) => k.checked)?.value ?? "names";
  const showKind = () => {
    for (const part of document.querySelectorAll<HTMLElement>("[data-kind]")) part.hidden = part.dataset["kind"] !== kind();
  };
  for (const radio of kinds) radio.addEventListener("change", showKind);
  showKind();

  const showDataset = () => {
    const known = session.opened?.datasets.find((d) => d.name === dataset.value);
    datasetClasses.textContent = known === undefined ? "" : `${known.modality}: ${known.classes.map(plainName).join(", ")}`;
  };
  dataset.addEventListener("change", showDataset);

  byId("pick-bank").addEventListener("click", () => bankInput.click());
  bankInput.addEventListener("change", () => {
    const [file] = bankInput.files ?? [];
    bankInput.value = "";
    if (file !== undefined) takeBank(file);
  });

  function takeBank(file: File): void {
    bank = file;
    bankName.textContent = visibleText(file.name, 60);
    byId<HTMLInputElement>("class-kind-bank").click();
    void choose();
  }

  function source(): ClassSource | string {
    if (kind() === "dataset") return { kind: "dataset", name: dataset.value };
    if (kind() === "bank") {
      if (bank === undefined) return "Choose a bank file first.";
      const other = lines(bankClasses.value);
      return { kind: "bank", file: bank, ...(other.length === 0 ? {} : { names: other }) };
    }
    const typed = lines(names.value);
    return typed.length < 2 ? "Type at least two class names, one a line." : { kind: "names", names: typed };
  }

  async function choose(): Promise<void> {
    const wanted = source();
    if (typeof wanted === "string") return notice(wanted, true);
    notice("", false);
    apply.disabled = true;
    try {
      await session.choose(wanted);
    } catch (error) {
      notice(String((error as Error).message), true);
    } finally {
      apply.disabled = session.opened === undefined;
    }
  }
  apply.addEventListener("click", () => void choose());
  names.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void choose();
  });

  session.listen((change) => {
    if (change === "device") {
      apply.disabled = session.opened === undefined;
      const datasets = session.opened?.datasets ?? [];
      if (datasets.length > 0 && dataset.options.length === 0) {
        dataset.append(...datasets.map((d) => element("option", { text: d.name, attributes: { value: d.name } })));
        showDataset();
      }
    }
    if (change === "classes" && session.prepared !== undefined) {
      // the worker answers in the middle of a choice: the button is free as soon as the classes are ready
      apply.disabled = false;
      const { classes, prompts, kept, recipe } = session.prepared;
      summary.textContent = `${classes.length} classes, ${prompts.length} prompts (${visibleText(recipe, 40)}), ${kept} kept for an image`;
    }
  });
  return { takeBank };
}

function lines(text: string): string[] {
  return [...new Set(text.split("\n").map((line) => line.trim()))].filter((line) => line !== "");
}
