// Options → the recipe and its views.

import { RECIPES, type Recipe, recipeWith } from "@biovlm/training";
import { usageError } from "./errors.js";
import type { LearningOptions } from "./learning-options.js";

/** NAME=VALUE pairs. Throws CliError `bad_value`. */
export function settingsOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) throw usageError("bad_value", `--set — expected NAME=VALUE, got ${JSON.stringify(pair)}`);
      return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    }),
  );
}

/** The recipe with its changes. */
export function recipeOf(options: Pick<LearningOptions, "recipe" | "set">): Recipe {
  return recipeWith(RECIPES[options.recipe], settingsOf(options.set));
}

/** "fresh", or how many views of each image are embedded once. */
export function viewsOf(options: Pick<LearningOptions, "views" | "viewsPerImage">): "fresh" | number {
  return options.views === "fresh" ? "fresh" : options.viewsPerImage;
}
