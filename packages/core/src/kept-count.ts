// How many prompts routing keeps. One rule, stated once.

import { CoreError } from "./errors.js";

/** Products of ρ and N closer than this to a whole number are that number: 0.29·100 is 29 although floats give 28.999…96. */
const WHOLE = 1e-9;

/** K = max(1, ⌊ρN⌋), 0 < ρ ≤ 1. */
export function keptCount(rho: number, N: number): number {
  if (!(rho > 0 && rho <= 1)) {
    throw new CoreError("bad_option", `rho — expected more than 0 and at most 1, got ${rho}. 0.5 keeps half of the prompts.`);
  }
  const product = rho * N;
  const nearest = Math.round(product);
  return Math.max(1, Math.abs(product - nearest) <= WHOLE * N ? nearest : Math.floor(product));
}
