// Sizes that may be symbols. A size is a monomial: a whole coefficient times atoms, written "12*L*n" with the atoms sorted; a sum is an
// opaque atom "(L+4)". That is just enough to check a Reshape, to find its -1 and to broadcast, without any solver.

import { nth } from "./elements.js";
import { GraphError } from "./errors.js";
import type { Dim } from "./graph.js";

interface Monomial {
  coefficient: number;
  atoms: string[];
}

function monomial(dim: Dim): Monomial {
  if (typeof dim === "number") return { coefficient: dim, atoms: [] };
  const atoms: string[] = [];
  let coefficient = 1;
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= dim.length; i++) {
    const c = dim[i];
    if (c === "(") depth++;
    else if (c === ")") depth--;
    if (i === dim.length || (c === "*" && depth === 0)) {
      const part = dim.slice(start, i);
      if (/^\d+$/.test(part)) coefficient *= Number(part);
      else atoms.push(part);
      start = i + 1;
    }
  }
  return { coefficient, atoms: atoms.sort() };
}

function dimOf({ coefficient, atoms }: Monomial): Dim {
  if (atoms.length === 0 || coefficient === 0) return coefficient;
  return coefficient === 1 ? atoms.join("*") : [coefficient, ...atoms].join("*");
}

/** Product of sizes, e.g. ["n", "L", 4] → "4*L*n". */
export function product(dims: readonly Dim[]): Dim {
  let coefficient = 1;
  const atoms: string[] = [];
  for (const d of dims) {
    const m = monomial(d);
    coefficient *= m.coefficient;
    atoms.push(...m.atoms);
  }
  return dimOf({ coefficient, atoms: atoms.sort() });
}

/** a / b where it is a size again, else undefined. */
export function quotient(a: Dim, b: Dim): Dim | undefined {
  const x = monomial(a);
  const y = monomial(b);
  const atoms = [...x.atoms];
  for (const atom of y.atoms) {
    const i = atoms.indexOf(atom);
    if (i < 0) return undefined;
    atoms.splice(i, 1);
  }
  if (y.coefficient === 0 || x.coefficient % y.coefficient !== 0) return undefined;
  return dimOf({ coefficient: x.coefficient / y.coefficient, atoms });
}

/** Sum of sizes; of symbols it is an opaque atom. */
export function sum(dims: readonly Dim[]): Dim {
  let n = 0;
  const symbols: Dim[] = [];
  for (const d of dims) {
    if (typeof d === "number") n += d;
    else symbols.push(d);
  }
  if (symbols.length === 0) return n;
  if (symbols.length === 1 && n === 0) return nth(symbols, 0);
  return `(${[...symbols, ...(n === 0 ? [] : [n])].join("+")})`;
}

/** The atoms of a product symbol, coefficient first when it is not 1. */
export function factors(dim: Dim): Dim[] {
  const { coefficient, atoms } = monomial(dim);
  return coefficient === 1 && atoms.length > 0 ? atoms : [coefficient, ...atoms];
}

/** "[n, 4, 768]" as error messages print shapes. */
export function printShape(shape: readonly Dim[]): string {
  return `[${shape.join(", ")}]`;
}

/** Whether two shapes are the same, symbol by symbol. */
export function sameShape(a: readonly Dim[], b: readonly Dim[]): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

/** NumPy broadcasting. A symbol meets only itself or 1. Throws `shape_mismatch`. */
export function broadcast(op: string, ...shapes: (readonly Dim[])[]): Dim[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  const out: Dim[] = new Array<Dim>(rank).fill(1);
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const at = rank - shape.length + i;
      const d = nth(shape, i);
      if (d === 1 || d === out[at]) continue;
      if (out[at] !== 1) {
        const got = shapes.map(printShape).join(" and ");
        throw new GraphError("shape_mismatch", `${op} — expected shapes that broadcast, got ${got}. Reshape or expand one of them.`);
      }
      out[at] = d;
    }
  }
  return out;
}

/** Counts a negative axis from the end; throws `bad_argument` out of range. */
export function axisOf(op: string, axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || at < 0 || at >= rank) {
    throw new GraphError("bad_argument", `${op} axis — expected -${rank}..${rank - 1}, got ${axis}. Name an axis of the operand.`);
  }
  return at;
}
