// The run log: one JSON object a line, from the options of the run to its result. Numbers and digests only, no file names.

import type { StepReport } from "./train.js";

/** A line of a run's log: its start, a step, an epoch, its end. */
export type RunEvent =
  | {
      readonly type: "start";
      readonly recipe: object;
      readonly seed: number;
      readonly classes: readonly string[];
      readonly images: number;
      readonly model: string;
      readonly device: string;
      readonly teacher: string;
      readonly views: string;
    }
  | ({ readonly type: "step" } & StepReport)
  | { readonly type: "epoch"; readonly epoch: number; readonly loss: number; readonly accuracy: number }
  | { readonly type: "note"; readonly text: string }
  | { readonly type: "end"; readonly bank: string; readonly seconds: number };

/** One line, newline included. */
export function logLine(event: RunEvent): string {
  return `${JSON.stringify(event)}\n`;
}
