// `biovlm completion SHELL`: prints the completion script made from the command table.
// The work alone: what it is asked for by is completion.ts.

import { suggest } from "@biovlm/files";
import type { CommandRun } from "../command.js";
import { completionScript, SHELLS } from "../completion.js";
import { usageError } from "../errors.js";

export const printCompletion: CommandRun<Record<never, never>> = async ({ terminal, table }, _options, [name = ""]) => {
  const shell = SHELLS.find((candidate) => candidate === name);
  if (shell === undefined)
    throw usageError("unknown_shell", `no completion for ${JSON.stringify(name)} — expected ${SHELLS.join(", ")}`, suggest(name, SHELLS));
  await terminal.write(completionScript(shell, table.commands, table.groups));
  return undefined;
};
