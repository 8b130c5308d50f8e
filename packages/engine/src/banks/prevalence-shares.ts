// How common each class is where the images come from, as a person writes it: by name, or as the bank was learned.

import { classKey } from "@biovlm/datasets";
import { EngineError } from "../contract/errors.js";

/** Shares that add up to 1 but for what rounding in hand-written figures leaves. */
const ROUNDING = 0.02;

/**
 * The shares of `classes` in their order, adding up to 1, or the bank's own; undefined where nothing is asked for.
 * @throws EngineError `bad_option`
 */
export function prevalenceShares(text: string | undefined, classes: readonly string[]): readonly number[] | "learned" | undefined {
  if (text === undefined) return undefined;
  if (text.trim() === "train") return "learned";
  const said = sharesOf(text);
  const places = new Map(classes.map((name, c) => [classKey(name), c]));
  const shares = new Array<number>(classes.length).fill(0);
  for (const [name, share] of said) {
    const place = places.get(classKey(name));
    if (place === undefined || shares[place] !== 0) throw wrong(text, classes, place === undefined ? `"${name}"` : `"${name}" twice`);
    shares[place] = share;
  }
  const missing = classes.filter((_, c) => shares[c] === 0);
  if (missing.length > 0) throw wrong(text, classes, `none of ${missing.map((name) => JSON.stringify(name)).join(", ")}`);
  const sum = shares.reduce((a, b) => a + b, 0);
  if (Math.abs(sum - 1) > ROUNDING) throw wrong(text, classes, `shares that add up to ${sum.toPrecision(3)}`);
  return shares.map((share) => share / sum);
}

/** NAME=SHARE with commas between; a name may hold commas and equals signs. */
function sharesOf(text: string): [string, number][] {
  const found: [string, number][] = [];
  const pair = /\s*(.+?)\s*=\s*(\d*\.?\d+(?:e-?\d+)?)\s*(?:,|$)/gy;
  let end = 0;
  for (let match = pair.exec(text); match !== null && match[0] !== ""; match = pair.exec(text)) {
    const share = Number(match[2]);
    if (!(share > 0 && share <= 1)) break;
    found.push([match[1] ?? "", share]);
    end = pair.lastIndex;
  }
  if (end === text.length) return found;
  throw new EngineError(
    "bad_option",
    `prevalence — expected train, or NAME=SHARE with commas between and each share above 0, got ${JSON.stringify(text.slice(0, 80))}. Correct it.`,
  );
}

function wrong(text: string, classes: readonly string[], got: string): EngineError {
  return new EngineError(
    "bad_option",
    `prevalence ${JSON.stringify(text.slice(0, 80))} — expected each of the classes once (${classes.slice(0, 20).join(", ")}), their shares adding up to 1, got ${got}. Correct it.`,
  );
}
