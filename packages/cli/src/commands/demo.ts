// `biovlm demo`: the browser page, served from the installed package to this computer.

import { SERVING_OPTIONS } from "@biovlm/server/options";
import { defineCommand, type OptionSpecs } from "../command.js";
import { flagsOf } from "../schema-flags.js";

export const DEMO_OPTIONS = {
  port: { ...flagsOf(SERVING_OPTIONS, ["port"]).port, default: 8319, description: "port on 127.0.0.1; 0 takes a free one" },
} as const satisfies OptionSpecs;

export const demo = defineCommand({
  name: "demo",
  summary: "open the page: classify and learn in a browser tab",
  description: [
    "Serves the page on this computer only (127.0.0.1) until Ctrl-C. Images are read and learned from in the tab and are sent nowhere; the page talks to no other host.",
    "The browser keeps the model for the address with this port, so that a second visit starts at once, also without this command.",
  ],
  aboutImages: true,
  options: DEMO_OPTIONS,
  examples: [{ command: "biovlm demo", shows: "prints the page's address and serves it until Ctrl-C" }],
});
