// "This server" among the ways to say classes: offered where the page's server answers images. What it serves is asked for when a person looks at it;
// images go there once the bank is used, and the page says so where it otherwise says that nothing leaves it.

import { counted } from "@biovlm/files";
import type { ClassSource, Prepared } from "../engine/protocol.js";
import { byId, element, visibleText } from "./elements.js";
import { fieldError } from "./field-error.js";
import type { ServedModel, ServerDoor } from "./server-door.js";

export interface ServerWay {
  readonly chosen: () => ClassSource | undefined;
  /** The person looks at this way. */
  look(): void;
  /** Says who answers. */
  draw(prepared: Prepared | undefined): void;
}

/** Puts the way into the class panel, hidden until the server is known to answer. `use` uses what is chosen. */
export function serverWay(door: ServerDoor, use: () => void): ServerWay {
  const host = visibleText(door.host, 80);
  const radio = element("input", { attributes: { type: "radio", name: "class-kind", value: "server", id: "class-kind-server" } });
  const label = element("label", { class: "wide", attributes: { hidden: "" } }, radio, element("span", { text: `This server: ${host}` }));
  const { key, ask, keyed } = keyField();
  const bank = element("select", { attributes: { id: "server-bank" } });
  const part = element(
    "div",
    { attributes: { "data-kind": "server", hidden: "" } },
    element("p", { class: "notice", attributes: { id: "server-consent" } }, ...consent(host)),
    keyed,
    element("label", { text: "Model and bank", attributes: { for: "server-bank" } }),
    bank,
  );
  byId("class-kind-bank").closest("fieldset")?.append(label);
  document.querySelector('[data-kind="bank"]')?.after(part);
  const wrong = fieldError(bank);
  let models: readonly ServedModel[] = [];

  async function list(): Promise<void> {
    wrong("");
    door.key = key.value.trim();
    ask.disabled = true;
    try {
      models = await door.served();
      offer(bank, models);
      if (models.length === 0) wrong(`${host} serves no bank: it is to be started with --bank, --dataset or --class.`);
    } catch (error) {
      models = [];
      offer(bank, models);
      wrong(String((error as Error).message));
    } finally {
      ask.disabled = false;
    }
  }

  ask.addEventListener("click", () => void list());
  key.addEventListener("keydown", (event) => {
    if (event.key === "Enter") void list();
  });
  bank.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) use();
  });
  void door.find().then((facts) => {
    label.hidden = facts === undefined;
    keyed.hidden = facts?.key !== true;
  });
  const leaves = byId("leaves");
  const usual = leaves.textContent;
  return {
    chosen() {
      const [model, name] = placeOf(bank.value, models);
      if (model === undefined || name === undefined) {
        if (models.length === 0)
          wrong(door.facts?.key === true ? "Type the key and press “Show what it serves”." : "Choose “This server” again.");
        return undefined;
      }
      return { kind: "server", model, bank: name };
    },
    look() {
      // with a key the person asks, who has to type it first
      if (door.facts?.key === false || door.key !== "") void list();
    },
    draw(prepared) {
      const { answerer } = prepared ?? {};
      document.body.classList.toggle("sends-images", answerer !== undefined);
      leaves.textContent = answerer === undefined ? usual : `Images are sent to ${visibleText(answerer.host, 80)} and answered there.`;
      if (answerer !== undefined)
        byId("bank-summary").textContent +=
          `; answered by ${host}: model ${visibleText(answerer.model.name, 40)}, bank ${visibleText(answerer.bank, 40)}`;
    },
  };
}

/** Where the server's key is typed, and the button that asks with it. */
function keyField() {
  // no password field: browsers offer to keep those
  const key = element("input", {
    class: "secret",
    attributes: { type: "text", id: "server-key", autocomplete: "off", spellcheck: "false" },
  });
  const ask = element("button", { class: "second", text: "Show what it serves", attributes: { type: "button", id: "server-ask" } });
  const keyed = element(
    "div",
    { class: "keyed", attributes: { hidden: "" } },
    element("label", { text: "Key of this server (forgotten with this tab)", attributes: { for: "server-key" } }),
    element("p", { class: "row" }, key, ask),
  );
  return { key, ask, keyed };
}

function consent(host: string): (HTMLElement | string)[] {
  return [
    element("strong", { text: `Images are then sent to ${host}` }),
    " and answered there, also those that you add later, until you use other classes. Pictures go as their files are, with what the files say of themselves; of DICOM and volumes only the pixels shown go, and what is burned into them. Names of files, labels and learning stay in this browser.",
  ];
}

function offer(bank: HTMLSelectElement, models: readonly ServedModel[]): void {
  bank.replaceChildren(
    ...models.flatMap((model, m) =>
      model.banks.map(({ name, classes }, b) =>
        element("option", {
          text: `${visibleText(model.name, 60)}, bank ${visibleText(name, 60)}: ${counted(classes.length, "class", "classes")}`,
          attributes: { value: `${m} ${b}` },
        }),
      ),
    ),
  );
}

/** Names of the model and the bank that an option stands for. */
function placeOf(value: string, models: readonly ServedModel[]): readonly [string | undefined, string | undefined] {
  const [m, b] = value.split(" ").map(Number);
  const model = models[m ?? -1];
  return [model?.name, model?.banks[b ?? -1]?.name];
}
