// Limits on time and memory: held in the soak run alone, which has the machine to itself. A suite that shares its machine would fail by
// chance, so that there a test stands on what it says of the outcome.
import { soak } from "./counts.js";

/**
 * Holds a measured figure below a limit with BIOVLM_SOAK=1; elsewhere it must only be a number.
 * @example withinLimit("drain, ms", performance.now() - begun, 10_000);
 * @throws Error that names the figure, its value and its limit
 */
export function withinLimit(what: string, value: number, limit: number, held: boolean = soak): void {
  if (!Number.isFinite(value)) throw new Error(`${what} — expected a measured number, got ${value}`);
  if (held && value >= limit) throw new Error(`${what} — expected less than ${limit}, got ${value}`);
}
