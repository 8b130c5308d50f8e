// A bank that keeps the window, range, plane or region it was learned with, and a command that shows images in another: refused in words.

import { type ShownAs, shownDifferences } from "@biovlm/engine";
import type { PromptBank } from "@biovlm/model";
import { CliError } from "./errors.js";
import { EXIT } from "./exit-codes.js";
import type { Terminal } from "./terminal.js";

/**
 * Refuses a bank whose images were shown otherwise; of a learned bank that keeps nothing, a window, range or plane that is named now is said.
 * @throws CliError `shown_otherwise` (exit 2)
 */
export function checkShownAs(bank: PromptBank, asked: ShownAs, terminal: Terminal): void {
  const [other] = shownDifferences(bank, asked);
  if (other !== undefined) {
    const { name, learned } = other;
    if (name === "ultrasoundRegion")
      throw new CliError(
        "shown_otherwise",
        EXIT.usage,
        "--ultrasound-region — expected it, as the bank was learned on images cropped so, got images shown whole",
        { remedy: "Give --ultrasound-region, or learn a bank without it." },
      );
    throw new CliError(
      "shown_otherwise",
      EXIT.usage,
      `--${name} — expected the one that the bank was learned with, ${learned}, got ${other.asked}`,
      { remedy: `Give --${name} ${learned}, or learn a bank with the other.` },
    );
  }
  // a bank of sentences has seen no image
  if (bank.options["images"] === undefined) return;
  for (const [name, flag, usual] of [
    ["window", "window", "file"],
    ["range", "range", "file"],
    ["plane", "plane", "axial"],
    ["ultrasoundRegion", "ultrasound-region", false],
  ] as const) {
    if ((asked[name] ?? usual) !== usual && bank.options[name] === undefined)
      terminal.warn(
        `the bank was learned without --${flag}: images are shown to it as it has not seen them, unless the files it was learned from were made so`,
      );
  }
}
