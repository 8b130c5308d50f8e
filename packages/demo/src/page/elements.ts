// Small ways to build and find elements. Text goes in as text and never as markup: there is no innerHTML anywhere in the page.

type Child = Node | string | undefined;

interface Properties {
  readonly class?: string;
  readonly text?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  /** custom properties, for widths and colours that data decides; set through the object model, as the page's policy wants */
  readonly variables?: Readonly<Record<string, string>>;
  readonly on?: Readonly<Record<string, (event: never) => void>>;
}

/** A new element. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  if (properties.class !== undefined) node.className = properties.class;
  if (properties.text !== undefined) node.textContent = properties.text;
  for (const [name, value] of Object.entries(properties.attributes ?? {})) node.setAttribute(name, value);
  for (const [name, value] of Object.entries(properties.variables ?? {})) node.style.setProperty(name, value);
  for (const [name, listener] of Object.entries(properties.on ?? {})) node.addEventListener(name, listener as (event: Event) => void);
  node.append(...children.filter((child): child is Node | string => child !== undefined));
  return node;
}

/** An element of the page by id. The page's own markup has it: a missing one is a fault of the build. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const node = document.getElementById(id);
  if (node === null) throw new Error(`the page has no element #${id}`);
  return node as T;
}

const SVG = "http://www.w3.org/2000/svg";

/** A new SVG element. */
export function drawing(tag: string, attributes: Readonly<Record<string, string | number>>, text?: string): SVGElement {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  if (text !== undefined) node.textContent = text;
  return node;
}

/** A probability for people: neither certain nor impossible, whatever the numbers round to. */
export function probabilityText(share: number): string {
  if (share > 0.99) return ">99\u00a0%";
  return share < 0.001 ? "<0.1\u00a0%" : percent(share);
}

/** A share as it was counted. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(share >= 0.0995 || share === 0 ? 0 : 1)}\u00a0%`;
}

export function byteCount(bytes: number): string {
  return bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/** Hands a text to the browser's downloads. */
export function saveText(name: string, type: string, text: string): void {
  const href = URL.createObjectURL(new Blob([text], { type }));
  element("a", { attributes: { href, download: name } }).click();
  // the download has its own hold of the content once it began
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

/** A class name as people read it. */
export function plainName(name: string): string {
  return visibleText(name.replaceAll("_", " "));
}

/** A class name where there is little room. */
export function shortName(name: string, most = 40): string {
  return visibleText(name.replaceAll("_", " "), most);
}

/** Text from outside as it may be shown: what would hide, reorder or break lines is replaced, and it has an end. */
export function visibleText(text: string, most = 200): string {
  // controls, direction marks and overrides, zero-width and line separators
  const shown = text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, "\ufffd");
  return shown.length <= most ? shown : `${shown.slice(0, most - 1)}…`;
}
