// Reading a node's attributes by name and type; an attribute of another type counts as absent.

import type { Attribute, Node } from "./graph.js";

function named(n: Node, name: string): Attribute | undefined {
  return Object.hasOwn(n.attributes, name) ? n.attributes[name] : undefined;
}

/** The whole number `name`, or the fallback. */
export function intAttribute(n: Node, name: string, fallback: number): number {
  const a = named(n, name);
  return a !== undefined && "int" in a ? a.int : fallback;
}

/** The float `name`, or the fallback. */
export function floatAttribute(n: Node, name: string, fallback: number): number {
  const a = named(n, name);
  return a !== undefined && "float" in a ? a.float : fallback;
}

/** The list of whole numbers `name`, if there is one. */
export function intsAttribute(n: Node, name: string): readonly number[] | undefined {
  const a = named(n, name);
  return a !== undefined && "ints" in a ? a.ints : undefined;
}

/** The string `name`, or the fallback. */
export function stringAttribute(n: Node, name: string, fallback: string): string {
  const a = named(n, name);
  return a !== undefined && "string" in a ? a.string : fallback;
}
