// The window that grey DICOM and volumes are shown in: each file's own, from lowest to highest, one by name, or a center and a width; and the
// plane that volumes are cut along. One for all images.

import { PLANES } from "@biovlm/imaging";
import type { View } from "../engine/protocol.js";
import { element } from "./elements.js";
import type { Session } from "./session.js";
import { windowOf } from "./showing.js";

const FILE = "file";

export interface WindowControls {
  readonly root: HTMLElement;
  draw(view: View): void;
}

export function windowControls(session: Session): WindowControls {
  const choice = element("select", { attributes: { id: "window-choice" } });
  const number = (id: string, label: string) => {
    const input = element("input", { attributes: { id, type: "number", step: "any" } });
    // what is being typed is not written over by a picture that comes meanwhile
    let typed = false;
    input.addEventListener("input", () => {
      typed = true;
    });
    for (const end of ["change", "blur"])
      input.addEventListener(end, () => {
        typed = false;
      });
    const show = (value: number) => {
      if (!typed) input.value = String(Math.round(value * 10) / 10);
    };
    return { input, show, root: element("div", {}, element("label", { text: label, attributes: { for: id } }), input) };
  };
  const [center, width] = [number("window-center", "Center"), number("window-width", "Width")];
  width.input.min = "1";
  const plane = element("select", { attributes: { id: "plane-choice" } });
  plane.append(...PLANES.map((name) => element("option", { text: name, attributes: { value: name } })));
  plane.addEventListener("change", () => {
    const name = PLANES.find((one) => one === plane.value);
    if (name !== undefined) void session.showing.showPlane(name);
  });
  const cut = element("div", {}, element("label", { text: "Plane", attributes: { for: "plane-choice" } }), plane);
  const root = element(
    "div",
    { class: "fields windows", attributes: { hidden: "" } },
    cut,
    element("div", {}, element("label", { text: "Window", attributes: { for: "window-choice" } }), choice),
    center.root,
    width.root,
  );
  choice.addEventListener("change", () => void session.showing.showWindow(choice.value === FILE ? undefined : choice.value));
  for (const { input } of [center, width])
    input.addEventListener("change", () => {
      if (center.input.value !== "" && center.input.checkValidity() && width.input.value !== "" && width.input.checkValidity())
        void session.showing.showWindow(`${Number(center.input.value)}/${Number(width.input.value)}`);
    });

  return {
    root,
    draw(view) {
      const window = windowOf(view);
      root.hidden = window === undefined;
      cut.hidden = view.slice === undefined;
      if (view.slice !== undefined) plane.value = view.slice.plane;
      if (window === undefined) return;
      const named = Object.entries(session.opened?.windows ?? {}).map(
        ([name, { center: c, width: w }]) => [name, `${name} (${c}/${w})`] as const,
      );
      const asked = session.showing.window ?? FILE;
      const options: (readonly [string, string])[] = [[FILE, "as the file says"], ["min-max", "lowest to highest"], ...named];
      if (!options.some(([value]) => value === asked)) options.push([asked, `own, ${asked}`]);
      choice.replaceChildren(...options.map(([value, text]) => element("option", { text, attributes: { value } })));
      choice.value = asked;
      center.show(window.center);
      width.show(window.width);
    },
  };
}
