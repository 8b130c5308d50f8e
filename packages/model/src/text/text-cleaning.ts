// What open_clip does to a text before it is tokenised: ftfy's fixes, HTML entities twice, white space collapsed.
// Of ftfy all but its mojibake repair is here (ftfy 6.1: c1 controls, ligatures, width, quotes, line breaks, surrogates, escapes, controls, NFC).

import { nth } from "@biovlm/files";
import { decodeHTML } from "entities";

/** ftfy.chardata.LIGATURES */
const LIGATURES: Readonly<Record<string, string>> = {
  Ĳ: "IJ",
  ĳ: "ij",
  ŉ: "ʼn",
  Ǳ: "DZ",
  ǲ: "Dz",
  ǳ: "dz",
  Ǆ: "DŽ",
  ǅ: "Dž",
  ǆ: "dž",
  Ǉ: "LJ",
  ǈ: "Lj",
  ǉ: "lj",
  Ǌ: "NJ",
  ǋ: "Nj",
  ǌ: "nj",
  ﬀ: "ff",
  ﬁ: "fi",
  ﬂ: "fl",
  ﬃ: "ffi",
  ﬄ: "ffl",
  ﬅ: "ſt",
  ﬆ: "st",
};
const LIGATURE = new RegExp(`[${Object.keys(LIGATURES).join("")}]`, "g");
const WIDE = /[\u3000\uff01-\uffef]/g;
const C1 = /[\u0080-\u009f]/g;
const SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const TERMINAL = /\u001b\[[\d;]*[a-zA-Z]/g;
const CONTROL = /[\u0000-\u0008\u000b\u000e-\u001f\u007f\u206a-\u206f\ufeff\ufff9-\ufffc]/g;
/** What Python's str.split() splits at. */
const SPACE = /[\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/g;

/** Windows-1252's characters at 0x80…0x9f; the five undefined places stay controls. Not every runtime's TextDecoder has them. */
const WINDOWS_1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";

/** A text as open_clip hands it to the tokenizer. `ftfy: false` leaves those fixes out. */
export function cleanText(text: string, { ftfy = true }: { readonly ftfy?: boolean } = {}): string {
  const fixed = ftfy ? fixText(text) : text;
  return decodeHTML(decodeHTML(fixed)).replace(SPACE, " ").trim();
}

function fixText(text: string): string {
  return (text.includes("<") ? text : decodeHTML(text))
    .replace(C1, (c) => nth(WINDOWS_1252, c.charCodeAt(0) - 0x80))
    .replace(LIGATURE, (c) => LIGATURES[c] ?? c)
    .replace(WIDE, (c) => (c === "\u3000" ? " " : c.normalize("NFKC")))
    .replace(/[\u02bc\u2018-\u201b]/g, "'")
    .replace(/[\u201c-\u201f]/g, '"')
    .replace(/\r\n|[\r\u2028\u2029\u0085]/g, "\n")
    .replace(SURROGATE, "\ufffd")
    .replace(TERMINAL, "")
    .replace(CONTROL, "")
    .normalize("NFC");
}
