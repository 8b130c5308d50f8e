// The limits of the decoder as flags: what a remedy names on the command line, and to who sends images to a server.

import type { EdgeWords } from "@biovlm/files";
import { IMAGE_LIMITS } from "./engine-options.js";

/** The flag of a decoder's limit; undefined of one that is no option. */
function flagOf(limit: string): string | undefined {
  const option = limit === "maxBytes" ? "maxImageBytes" : limit;
  return Object.hasOwn(IMAGE_LIMITS, option) ? `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}` : undefined;
}

const said = (limit: string, words: string) => {
  const flag = flagOf(limit);
  return flag === undefined ? undefined : `${words} ${flag}`;
};

/** On the command line. */
export const FLAG_WORDS: EdgeWords = { raise: (limit) => said(limit, "raise"), range: "by --range LOW..HIGH" };

/** To who sends images to a server, which takes no such option in a request. */
export const SERVED_WORDS: EdgeWords = {
  raise: (limit) => said(limit, "have the server started with a larger"),
  range: "by --range LOW..HIGH where the server is started",
};
