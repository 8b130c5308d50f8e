// How an engine batches and how many processes it has. One schema, as options.ts is for listening: flags and documents come from both.

import { type Static, Type } from "typebox";
import { Check, Errors } from "typebox/value";
import { EngineError } from "./contract/errors.js";

const MiB = 1024 * 1024;

/** Bounds of what waits and runs at once. */
export const ServingLimits = Type.Object({
  pool: Type.Integer({ default: 1, minimum: 0, maximum: 64, description: "encoder processes; 0 encodes in the server's own process" }),
  maxBatch: Type.Integer({ default: 32, minimum: 1, maximum: 1024, description: "images encoded at once" }),
  maxQueueDelayMs: Type.Number({ default: 0, minimum: 0, maximum: 10_000, description: "longest wait for a batch to fill, milliseconds" }),
  maxQueue: Type.Integer({ default: 512, minimum: 1, maximum: 1_000_000, description: "images that may wait; more are refused with 429" }),
  maxImageBytes: Type.Integer({ default: 16 * MiB, minimum: 1024, maximum: 1024 * MiB, description: "largest image file" }),
  maxPixels: Type.Integer({ default: 25_000_000, minimum: 1, maximum: 1_000_000_000, description: "largest image in pixels" }),
});
/** Values of the schema {@link ServingLimits}. */
export type ServingLimits = Static<typeof ServingLimits>;

/** Fills defaults in and checks. Throws EngineError `bad_option`. */
export function engineOptions(given: Partial<ServingLimits>): ServingLimits {
  const limits = Object.fromEntries(
    Object.entries(ServingLimits.properties).map(([name, schema]) => [
      name,
      given[name as keyof ServingLimits] ?? (schema as { readonly default?: number }).default,
    ]),
  );
  if (!Check(ServingLimits, limits)) {
    const error = Errors(ServingLimits, limits).at(-1);
    throw new EngineError("bad_option", `engine options — ${error?.instancePath ?? ""} ${error?.message ?? "are wrong"}. Correct them.`);
  }
  return limits;
}
