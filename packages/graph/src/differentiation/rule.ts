// What a derivative rule is given and what it answers. The rules are in products.ts, elementwise.ts and layout.ts.

import type { Node, Value } from "../graph.js";
import type { BackwardBuilder } from "./backward-builder.js";

/** One node on the way back. `dy` is the gradient of its first output, in that output's shape. */
export interface DerivativeCall {
  readonly b: BackwardBuilder;
  readonly node: Node;
  /** Names, types and shapes of the inputs, as the forward graph declares them. */
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly dy: Value;
  /** Gradients of all outputs; undefined where nothing depends on one. */
  readonly dys: readonly (Value | undefined)[];
  /** Whether input i leads to something wanted. A rule computes nothing for the others. */
  wants(i: number): boolean;
  /** The numbers of input i where it is a constant, e.g. axes or sizes. */
  constant(i: number): readonly number[] | undefined;
  /** The forward input i as a value of the backward graph. */
  x(i: number): Value;
  /** The forward output i as a value of the backward graph. */
  y(i: number): Value;
  /** The gradient input i has from other uses so far: a rule that can add to it for free takes it and gives the sum with `replace`. */
  pending(i: number): Value | undefined;
  replace(i: number, total: Value): void;
  /** Adds a gradient for input i, in that input's shape. */
  give(i: number, dx: Value): void;
}

/** Emits the gradients of one operator. */
export type DerivativeRule = (call: DerivativeCall) => void;
