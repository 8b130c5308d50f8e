// "This server" among the ways to say classes: offered where the page's server answers images. What it serves is asked for when a person looks at it;
// images go there once the bank is used, and the page says so where it otherwise says that nothing leaves it.

import { counted } from "@biovlm/files";
import type { ClassSource, Prepared } from "../engine/protocol.js";
import { byId, element, visibleText } from "./elements.js";
import { fieldError } from "./field-error.js";
import type { ServedBank, ServedModel, ServerDoor } from "./server-door.js";

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
  const { label, key, ask, keyed, bank, facts } = serverPart(host);
  const wrong = fieldError(bank);
  let models: readonly ServedModel[] = [];

  async function list(): Promise<void> {
    wrong("");
    door.key = key.value.trim();
    ask.disabled = true;
    const before = placeOf(bank.value, models);
    try {
      models = await door.served();
      offer(bank, models, before);
      if (models.length === 0) wrong(`${host} serves no bank: it is to be started with --bank, --dataset or --class.`);
    } catch (error) {
      models = [];
      offer(bank, models, {});
      wrong(String((error as Error).message));
    } finally {
      ask.disabled = false;
      describe();
    }
  }

  function describe(): void {
    const { model, served } = placeOf(bank.value, models);
    facts.textContent = model === undefined || served === undefined ? "" : bankText(model, served);
  }

  ask.addEventListener("click", () => void list());
  bank.addEventListener("change", describe);
  door.onKey = () => {
    keyed.hidden = false;
  };
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
      // another key may have been typed since
      door.key = key.value.trim();
      const { model, served } = placeOf(bank.value, models);
      if (model === undefined || served === undefined) {
        if (models.length === 0)
          wrong(door.facts?.key === true ? "Type the key and press “Show what it serves”." : "Press “Show what it serves”.");
        return undefined;
      }
      return { kind: "server", model: model.name, bank: served.name };
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

/** What is seen of the way, put into the class panel. */
function serverPart(host: string) {
  const radio = element("input", { attributes: { type: "radio", name: "class-kind", value: "server", id: "class-kind-server" } });
  const label = element("label", { class: "wide", attributes: { hidden: "" } }, radio, element("span", { text: `This server: ${host}` }));
  const { key, ask, keyed } = keyField();
  const bank = element("select", { attributes: { id: "server-bank" } });
  const facts = element("p", { class: "quiet", attributes: { id: "server-facts" } });
  const part = element(
    "div",
    { attributes: { "data-kind": "server", hidden: "" } },
    element("p", { class: "notice", attributes: { id: "server-consent" } }, ...consent(host)),
    keyed,
    element("p", { class: "row" }, ask),
    element("label", { text: "Model and bank", attributes: { for: "server-bank" } }),
    bank,
    facts,
  );
  byId("class-kind-bank").closest("fieldset")?.append(label);
  document.querySelector('[data-kind="bank"]')?.after(part);
  return { label, key, ask, keyed, bank, facts };
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
    key,
  );
  return { key, ask, keyed };
}

function consent(host: string): (HTMLElement | string)[] {
  return [
    element("strong", { text: `Images are then sent to ${host}` }),
    " and answered there, also those that you add later, until you use other classes. Pictures go as their files are, with what the files say of themselves; of DICOM, volumes, TIFF and grey of more than 8 bits only the pixels shown go, and what is burned into them. Names of files, labels and learning stay in this browser.",
  ];
}

/** What is served, as options; the one that was chosen stays chosen. */
function offer(bank: HTMLSelectElement, models: readonly ServedModel[], before: Partial<Place>): void {
  bank.replaceChildren(
    ...models.flatMap((model, m) =>
      model.banks.map((served, b) =>
        element("option", {
          text: `${visibleText(model.name, 60)}, bank ${visibleText(served.name, 60)}: ${counted(served.classes.length, "class", "classes")}`,
          attributes: {
            value: `${m} ${b}`,
            ...(model.name === before.model?.name && served.name === before.served?.name ? { selected: "" } : {}),
          },
        }),
      ),
    ),
  );
}

interface Place {
  readonly model: ServedModel;
  readonly served: ServedBank;
}

/** The model and the bank that an option stands for. */
function placeOf(value: string, models: readonly ServedModel[]): Partial<Place> {
  const [m, b] = value.split(" ").map(Number);
  const model = models[m ?? -1];
  const served = model?.banks[b ?? -1];
  return model === undefined || served === undefined ? {} : { model, served };
}

/** What tells a bank from another: its classes, its digest, how its images were shown. */
function bankText({ digest, device }: ServedModel, bank: ServedBank): string {
  const { classes, prompts, recipe, window, plane, range, ultrasound_region, volumes } = bank;
  const shown = [
    ...(window === undefined ? [] : [`window ${window}`]),
    ...(plane === undefined ? [] : [`${plane} slices`]),
    ...(range === undefined ? [] : [`values ${range}`]),
    ...(ultrasound_region === true ? ["the region of ultrasound"] : []),
    ...(volumes === true ? ["whole series"] : []),
  ];
  const learned = shown.length === 0 ? "" : ` Learned on ${shown.join(", ")}.`;
  const text = `${classes.join("; ")}. ${counted(prompts, "prompt")} (${recipe}), on ${device}.${learned} Bank ${short(bank.digest)}, model ${short(digest)}.`;
  return visibleText(text, 600);
}

/** The first letters of a digest. */
function short(digest: string): string {
  return digest.slice(0, "sha256:".length + 12);
}
