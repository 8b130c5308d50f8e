// Options → the recipe and its views.

import { DEFAULT_RECIPE, RECIPES, type Recipe, recipeWith } from "@biovlm/training";
import { usageError } from "./errors.js";
import type { LearningOptions } from "./learning-options.js";

/** NAME=VALUE pairs. Throws CliError `bad_value`. */
export function settingsOf(pairs: readonly string[], flag = "--set"): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) throw usageError("bad_value", `${flag} — expected NAME=VALUE, got ${JSON.stringify(pair)}`);
      return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    }),
  );
}

/** The recipe with its changes. */
export function recipeOf(options: Pick<LearningOptions, "recipe" | "set">): Recipe {
  return recipeWith(RECIPES[options.recipe], settingsOf(options.set));
}

const VIEWS_PER_IMAGE = 8;

/** "plain", "fresh", or how many views of each image are embedded once; the recipe's own where nothing is said. @throws CliError `bad_usage` */
export function viewsOf({
  views,
  viewsPerImage,
  recipe,
}: Pick<LearningOptions, "views" | "viewsPerImage" | "recipe">): "plain" | "fresh" | number {
  const chosen = views ?? (viewsPerImage === undefined && recipe === DEFAULT_RECIPE ? "plain" : "bank");
  if (chosen !== "bank" && viewsPerImage !== undefined)
    throw usageError("bad_usage", `--views-per-image — expected --views bank beside it, got --views ${chosen}`);
  return chosen === "bank" ? (viewsPerImage ?? VIEWS_PER_IMAGE) : chosen;
}
