// The families this package reads: one row each. Whoever loads a model may hand over another list.

import type { Backbone } from "./backbone.js";
import { biomedclip } from "./biomedclip/biomedclip.js";

/** In the order in which they are asked; the first that recognises a model reads it. */
export const KNOWN_BACKBONES: readonly Backbone[] = [biomedclip];

/** Names of all files beside the weights that a known family may read. */
export const KNOWN_FILES: readonly string[] = [...new Set(KNOWN_BACKBONES.flatMap(({ files }) => files))];
