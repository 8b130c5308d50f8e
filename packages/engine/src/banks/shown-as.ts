// How a bank's images were shown when it was learned: window, range of 16-bit grey, plane of volumes and ultrasound region, where they were
// named. They are kept in the bank's options; an image that is shown in another way is another image to it.

import { parseRange, parseWindow } from "@biovlm/imaging/node";
import type { PromptBank } from "@biovlm/model";

/** A window, a range and a plane as a person writes them ("file" is the file's own; axial the plane where none can be named), and whether
 * ultrasound is cropped to its region. */
export interface ShownAs {
  readonly window: string;
  readonly range: string;
  readonly plane?: string;
  readonly ultrasoundRegion: boolean;
}

/** What a bank keeps of how its images were shown; nothing where they were shown as files say. */
export function shownOptions({ window, range, plane = "axial", ultrasoundRegion }: ShownAs): Partial<ShownAs> {
  return {
    ...(window === "file" ? {} : { window }),
    ...(range === "file" ? {} : { range }),
    ...(plane === "axial" ? {} : { plane }),
    ...(ultrasoundRegion ? { ultrasoundRegion } : {}),
  };
}

/** What differs between how a bank's images were shown and how images are to be shown now. */
export interface ShownDifference {
  readonly name: keyof ShownAs;
  /** as the bank has it; of the region: on, off */
  readonly learned: string;
  readonly asked: string;
}

/** Differences from what a bank keeps, window first; none for a bank that keeps nothing. Names of one window are one: lung is -600/1500. */
export function shownDifferences({ options }: Pick<PromptBank, "options">, asked: ShownAs): ShownDifference[] {
  const values = { window: parseWindow, range: parseRange, plane: (text: string) => text } as const;
  const now = { plane: "axial", ...asked };
  const shown = (["window", "range", "plane"] as const).flatMap((name): ShownDifference[] => {
    const learned = options[name];
    if (typeof learned !== "string" || same(values[name], learned, now[name])) return [];
    return [{ name, learned: learned.slice(0, 40), asked: now[name] }];
  });
  const whole = options["ultrasoundRegion"] === true && !asked.ultrasoundRegion;
  return whole ? [...shown, { name: "ultrasoundRegion", learned: "on", asked: "off" }] : shown;
}

function same(parse: (text: string) => unknown, learned: string, asked: string): boolean {
  if (learned === asked) return true;
  try {
    return JSON.stringify(parse(learned)) === JSON.stringify(parse(asked));
  } catch {
    // a bank from outside may say anything
    return false;
  }
}
