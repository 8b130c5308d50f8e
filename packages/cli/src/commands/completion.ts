// `biovlm completion SHELL`: prints the completion script made from the command table.

import { suggest } from "@biovlm/files";
import { defineCommand } from "../command.js";
import { SHELLS } from "../completion.js";
import { usageError } from "../errors.js";

export const completion = defineCommand({
  name: "completion",
  summary: "print a completion script for your shell",
  arguments: [{ name: "shell", description: `one of ${SHELLS.join(", ")}`, completes: SHELLS }],
  options: {},
  examples: [{ command: "source <(biovlm completion bash)", shows: "complete in this shell" }],
  async run({ terminal }, _options, [name = ""]) {
    const shell = SHELLS.find((candidate) => candidate === name);
    if (shell === undefined)
      throw usageError("unknown_shell", `no completion for ${JSON.stringify(name)} — expected ${SHELLS.join(", ")}`, suggest(name, SHELLS));
    // The table imports this file, so it comes late.
    const [{ completionScript }, { COMMANDS, GROUPS }] = await Promise.all([import("../completion.js"), import("../command-table.js")]);
    await terminal.write(completionScript(shell, COMMANDS, GROUPS));
    return undefined;
  },
});
