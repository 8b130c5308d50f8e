// Command objects → docs/cli.md. `node tools/checks/cli-reference.mjs` writes it, `--check` fails when the file differs.

import { type AnyCommand, COMMON_OPTIONS, environmentName, kebab, type OptionSpec } from "./command.js";
import { EXIT_MEANINGS } from "./exit-codes.js";
import { argumentUsage, optionRemarks, optionUsage, sentence } from "./parser.js";
import { OTHER_VARIABLES, PROJECT_CONFIG, settingKeys } from "./settings.js";

/** The whole page, ending in one newline. */
export function referencePage(commands: readonly AnyCommand[], groups: Readonly<Record<string, string>>): string {
  const parts = [
    "# Command line",
    "<!-- Generated from packages/cli/src/commands by `node tools/checks/cli-reference.mjs`; do not edit. -->",
    "Data goes to stdout, everything else to stderr. Research use only, not a medical device.",
    commandTable(commands),
    conventions(commands),
  ];
  let group: string | undefined;
  for (const command of commands) {
    const head = command.name.includes(" ") ? command.name.split(" ")[0] : undefined;
    if (head !== undefined && head !== group) parts.push(`## ${head}`, sentence(groups[head] ?? ""));
    group = head;
    parts.push(...section(command, head === undefined ? "##" : "###"));
  }
  return `${parts.join("\n\n")}\n`;
}

function commandTable(commands: readonly AnyCommand[]): string {
  const rows = commands.map((command) => `| [\`${command.name}\`](#${command.name.replaceAll(" ", "-")}) | ${cell(command.summary)} |`);
  return ["| command | does |", "|---|---|", ...rows].join("\n");
}

function conventions(commands: readonly AnyCommand[]): string {
  const common = Object.entries(COMMON_OPTIONS).map(([key, option]) => optionRow(key, option));
  return [
    "## Conventions",
    `A setting comes from its flag, else from its \`BIOVLM_*\` variable, else from \`${PROJECT_CONFIG}\` in the working folder or the nearest above it, else from the user's config (\`biovlm doctor\` shows where), else from its default. Unknown options and config keys are refused with the nearest valid one.`,
    `A config file is a JSON object whose keys are option names without the dashes; a command's name holds an object for that command alone: \`{"device": "cpu", "classify": {"top": 3}}\`. Valid keys: ${[
      ...settingKeys(commands),
    ]
      .sort()
      .map((key) => `\`${key}\``)
      .join(", ")}.`,
    "Every command also takes:",
    ["| option | meaning |", "|---|---|", ...common, "| `-h, --help` | show help |"].join("\n"),
    "Colours and progress bars appear only on a terminal; `NO_COLOR` and `FORCE_COLOR` are honoured. An error is one line, `error[code]: what happened`, and where there is one a line with the remedy; `--debug` adds the stack.",
    ["| variable | meaning |", "|---|---|", ...Object.entries(OTHER_VARIABLES).map(([name, text]) => `| \`${name}\` | ${text} |`)].join(
      "\n",
    ),
    "### Exit codes",
    ["| code | meaning |", "|---|---|", ...EXIT_MEANINGS.map(([code, text]) => `| ${code} | ${text} |`)].join("\n"),
  ].join("\n\n");
}

function section(command: AnyCommand, heading: string): string[] {
  const args = (command.arguments ?? []).map(argumentUsage);
  const parts = [
    `${heading} ${command.name}`,
    sentence(command.summary),
    ["```", `biovlm ${[command.name, ...args, "[options]"].join(" ")}`, "```"].join("\n"),
    ...(command.description ?? []),
  ];
  const rows = [
    ...(command.arguments ?? []).map((argument) => `| \`${argumentUsage(argument)}\` | ${cell(argument.description)} |`),
    ...Object.entries(command.options).map(([key, option]) => optionRow(key, option)),
  ];
  if (rows.length > 0) parts.push(["| argument or option | meaning |", "|---|---|", ...rows].join("\n"));
  if (command.examples !== undefined && command.examples.length > 0) {
    parts.push(["```sh", ...command.examples.flatMap((example) => [`# ${example.shows}`, example.command]), "```"].join("\n"));
  }
  return parts;
}

function optionRow(key: string, option: OptionSpec): string {
  const remarks = optionRemarks(key, option).map((remark) =>
    remark.replace(
      /^(default|env) (.*)$/,
      (_, kind: string, text: string) => `${kind} \`${kind === "env" ? environmentName(kebab(key)) : text}\``,
    ),
  );
  return `| \`${optionUsage(key, option).replaceAll("|", "\\|")}\` | ${cell(option.description)}${remarks.length === 0 ? "" : ` (${remarks.join("; ")})`} |`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
