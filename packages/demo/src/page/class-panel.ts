// "What may they show?": names typed, a known data set's classes, or a bank: a file, one that was learned here, or the server's.

import { counted } from "@biovlm/files";
import type { ClassSource } from "../engine/protocol.js";
import { notice } from "./announcer.js";
import { alikeNames, typedNames } from "./class-names.js";
import { datasetWay } from "./dataset-way.js";
import { byId, visibleText } from "./elements.js";
import { fieldError } from "./field-error.js";
import type { ServerDoor } from "./server-door.js";
import { serverWay } from "./server-way.js";
import type { Session } from "./session.js";

export interface ClassPanel {
  /** A bank that came by another way, dropped or learned: it becomes the panel's bank and is used. Resolves to whether it could be. */
  takeBank(file: Blob, name: string): Promise<boolean>;
  /** A bank to choose from now on; what is chosen stays. */
  offerBank(file: Blob, name: string): void;
  /** Shows names that were found elsewhere as if they had been typed. */
  showNames(names: readonly string[]): void;
}

/** One way to say classes: what is chosen, or undefined after saying beside its field what is missing. */
type Way = () => ClassSource | undefined;

export function bindClasses(session: Session, door: ServerDoor): ClassPanel {
  const apply = byId<HTMLButtonElement>("apply-classes");
  const names = namesWay(() => void choose());
  const bank = bankWay((file, name) => void takeBank(file, name));
  const dataset = datasetWay(session);
  const server = serverWay(door, () => void choose());
  const ways: Readonly<Record<string, Way>> = { names: names.chosen, dataset: dataset.chosen, bank: bank.chosen, server: server.chosen };
  const kinds = [...document.querySelectorAll<HTMLInputElement>('input[name="class-kind"]')];
  const kind = () => kinds.find((k) => k.checked)?.value ?? "names";
  const showKind = () => {
    for (const part of document.querySelectorAll<HTMLElement>("[data-kind]")) part.hidden = part.dataset["kind"] !== kind();
    if (kind() === "server") server.look();
  };
  for (const radio of kinds) radio.addEventListener("change", showKind);
  showKind();

  async function choose(): Promise<boolean> {
    const wanted = ways[kind()]?.();
    if (wanted === undefined) return false;
    notice("", false);
    apply.disabled = true;
    try {
      await session.choose(wanted);
      return true;
    } catch (error) {
      notice(String((error as Error).message), true);
      return false;
    } finally {
      apply.disabled = session.opened === undefined;
    }
  }
  apply.addEventListener("click", () => void choose());

  /** Shows a choice that was made elsewhere, or earlier. */
  function show(source: ClassSource): void {
    if (source.kind === "names") names.show(source.names);
    if (source.kind === "dataset") dataset.show(source);
    if (source.kind === "bank") bank.take(source.file, "as before");
    kinds.find((radio) => radio.value === source.kind)?.click();
  }

  function takeBank(file: Blob, name: string): Promise<boolean> {
    bank.take(file, name);
    byId("class-kind-bank").click();
    return choose();
  }

  session.listen((change) => {
    if (change === "device") apply.disabled = session.opened === undefined;
    if (change === "source" && session.source !== undefined) show(session.source);
    if (change === "classes" && session.prepared !== undefined) {
      // the worker answers in the middle of a choice: the button is free as soon as the classes are ready
      apply.disabled = false;
      const { classes, prompts, kept, recipe } = session.prepared;
      byId("bank-summary").textContent =
        `${counted(classes.length, "class", "classes")}, ${counted(prompts.length, "prompt")} (${visibleText(recipe, 40)}), ${kept} kept for an image`;
      server.draw(session.prepared);
    }
  });
  return {
    takeBank,
    offerBank: bank.take,
    showNames: (found) => show({ kind: "names", names: found }),
  };
}

/** Names typed; Ctrl and Enter use them. */
function namesWay(use: () => void): { readonly chosen: Way; show(names: readonly string[]): void } {
  const field = byId<HTMLTextAreaElement>("class-names");
  const error = fieldError(field);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) use();
  });
  return {
    chosen() {
      const names = typedNames(field.value);
      error(namesProblem(names, 2));
      return namesProblem(names, 2) === "" ? { kind: "names", names } : undefined;
    },
    show(names) {
      field.value = names.join("\n");
      field.dispatchEvent(new Event("input", { bubbles: true }));
      error("");
    },
  };
}

function namesProblem(names: readonly string[], least: number): string {
  if (names.length < least) return "Type at least two class names: one a line, or on one line with commas.";
  const alike = alikeNames(names);
  return alike === undefined ? "" : `“${visibleText(alike[0], 40)}” and “${visibleText(alike[1], 40)}” read as one name. Keep one of them.`;
}

/** A bank and, for those that take them, other class names. `picked` hears of a file that was picked here. */
function bankWay(picked: (file: File, name: string) => void): { readonly chosen: Way; take(file: Blob, name: string): void } {
  const input = byId<HTMLInputElement>("bank-input");
  const others = byId<HTMLTextAreaElement>("bank-classes");
  const button = byId("pick-bank");
  const [missing, wrong] = [fieldError(button, byId("bank-row")), fieldError(others)];
  let bank: Blob | undefined;
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const [file] = input.files ?? [];
    input.value = "";
    if (file !== undefined) picked(file, file.name);
  });
  return {
    chosen() {
      const names = typedNames(others.value);
      missing(bank === undefined ? "Choose a bank file first." : "");
      wrong(namesProblem(names, 0));
      if (bank === undefined || namesProblem(names, 0) !== "") return undefined;
      return { kind: "bank", file: bank, ...(names.length === 0 ? {} : { names }) };
    },
    take(file, name) {
      bank = file;
      byId("bank-name").textContent = visibleText(name, 60);
    },
  };
}
