// `biovlm completion SHELL`: prints the completion script made from the command table.

import { defineCommand } from "../command.js";
import { SHELLS } from "../completion.js";

export const completion = defineCommand({
  name: "completion",
  summary: "print a completion script for your shell",
  arguments: [{ name: "shell", description: `one of ${SHELLS.join(", ")}`, completes: SHELLS }],
  options: {},
  examples: [{ command: "source <(biovlm completion bash)", shows: "complete in this shell" }],
});
