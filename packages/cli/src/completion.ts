// Command objects → a completion script for bash, zsh or fish. Pure text; the scripts call nothing but the shell itself.

import { nth } from "@biovlm/files";
import { type AnyCommand, type ArgumentSpec, kebab, type OptionSpec } from "./command.js";
import { optionsOf } from "./settings.js";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

interface Completion {
  readonly path: readonly string[];
  readonly summary: string;
  readonly options: readonly { readonly flag: string; readonly short?: string; readonly description: string; readonly takes: Takes }[];
  readonly argument: Takes;
}
/** What may follow: nothing, a free text, a path, or one of a list. */
type Takes = "nothing" | "text" | "file" | "folder" | readonly string[];

/** The script, to be sourced or put where the shell looks. */
export function completionScript(shell: Shell, commands: readonly AnyCommand[], groups: Readonly<Record<string, string>>): string {
  const completions = commands.map(completionOf);
  const heads = new Map<string, string>();
  for (const { path, summary } of completions) heads.set(nth(path, 0), path.length > 1 ? (groups[nth(path, 0)] ?? "") : summary);
  return shell === "bash" ? bash(completions, heads) : shell === "zsh" ? zsh(completions, heads) : fish(completions, heads);
}

function completionOf(command: AnyCommand): Completion {
  const options = Object.entries(optionsOf(command)).map(([key, option]) => ({
    flag: `--${kebab(key)}`,
    ...(option.short === undefined ? {} : { short: option.short }),
    description: option.description,
    takes: optionTakes(option),
  }));
  return { path: command.name.split(" "), summary: command.summary, options, argument: argumentTakes(command.arguments?.at(-1)) };
}

function optionTakes(option: OptionSpec): Takes {
  if (option.type === "flag") return "nothing";
  if (option.type === "choice") return option.choices;
  return (option.type === "text" && option.completes) || "text";
}

function argumentTakes(argument: ArgumentSpec | undefined): Takes {
  return argument === undefined ? "nothing" : (argument.completes ?? "text");
}

function bash(completions: readonly Completion[], heads: ReadonlyMap<string, string>): string {
  const offer = (takes: Takes): string => {
    if (takes === "file") return 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur")';
    if (takes === "folder") return 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur")';
    if (typeof takes === "string") return "COMPREPLY=()";
    return `mapfile -t COMPREPLY < <(compgen -W ${quote(takes.join(" "))} -- "$cur")`;
  };
  const cases = completions.map(({ path, options, argument }) => {
    const values = options
      .filter((option) => option.takes !== "nothing")
      .map((option) => `        ${option.flag}) ${offer(option.takes)}; return ;;`);
    const flags = options.flatMap((option) => (option.short === undefined ? [option.flag] : [option.flag, `-${option.short}`]));
    return `    ${quote(path.join(" "))})
      case "$prev" in
${values.join("\n")}
      esac
      if [[ "$cur" == -* ]]; then mapfile -t COMPREPLY < <(compgen -W ${quote([...flags, "--help"].join(" "))} -- "$cur")
      else ${offer(argument)}; fi ;;`;
  });
  const grouped = groupMembers(completions);
  const groupCases = [...grouped].map(
    ([head, members]) => `    ${head}) mapfile -t COMPREPLY < <(compgen -W ${quote(members.map((m) => m.path[1]).join(" "))} -- "$cur") ;;`,
  );
  return `# bash completion for biovlm. Load it with: source <(biovlm completion bash)
_biovlm() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" name="\${COMP_WORDS[1]:-}"
  COMPREPLY=()
  if (( COMP_CWORD == 1 )); then mapfile -t COMPREPLY < <(compgen -W ${quote([...heads.keys(), "help", "--help", "--version"].join(" "))} -- "$cur"); return; fi
  case "$name" in ${[...grouped.keys()].join("|")})
    if (( COMP_CWORD > 2 )); then name="$name \${COMP_WORDS[2]}"; fi ;;
  esac
  case "$name" in
${[...groupCases, ...cases].join("\n")}
  esac
}
complete -F _biovlm biovlm
`;
}

function zsh(completions: readonly Completion[], heads: ReadonlyMap<string, string>): string {
  const action = (takes: Takes): string =>
    takes === "file" ? "_files" : takes === "folder" ? "_files -/" : typeof takes === "string" ? " " : `(${takes.join(" ")})`;
  const entry = (text: string) => text.replace(/[[\]:\\]/g, "\\$&");
  const describe = (pairs: Iterable<readonly [string, string]>) =>
    [...pairs].map(([name, text]) => quote(`${name}:${entry(text)}`)).join(" ");
  const cases = completions.map(({ path, options, argument }) => {
    const specs = options.map(({ flag, short, description, takes }) => {
      const tail = takes === "nothing" ? "" : `:value:${action(takes)}`;
      const names = short === undefined ? flag : `{-${short},${flag}}`;
      return short === undefined
        ? quote(`*${flag}[${entry(description)}]${tail}`)
        : `'*'${names}${quote(`[${entry(description)}]${tail}`)}`;
    });
    if (argument !== "nothing") specs.push(quote(`*:argument:${action(argument)}`));
    return `    ${quote(path.join(" "))}) _arguments -s ${specs.join(" ")} ;;`;
  });
  const grouped = groupMembers(completions);
  const groupCases = [...grouped].map(
    ([head, members]) =>
      `    ${head}) local -a members=(${describe(members.map((m) => [nth(m.path, 1), m.summary] as const))}); _describe command members ;;`,
  );
  return `#compdef biovlm
# zsh completion for biovlm. Load it with: source <(biovlm completion zsh)
_biovlm() {
  local name="\${words[2]:-}"
  if (( CURRENT == 2 )); then local -a commands=(${describe(heads)}); _describe command commands; return; fi
  case "$name" in ${[...grouped.keys()].join("|")})
    if (( CURRENT > 3 )); then name="$name \${words[3]}"; fi ;;
  esac
  # _arguments sees the words after the command's own name
  local depth=\${#\${(s: :)name}}
  if (( CURRENT > depth + 1 )); then shift depth words; (( CURRENT -= depth )); fi
  case "$name" in
${[...groupCases, ...cases].join("\n")}
  esac
}
compdef _biovlm biovlm
`;
}

function fish(completions: readonly Completion[], heads: ReadonlyMap<string, string>): string {
  const lines = ["# fish completion for biovlm. Load it with: biovlm completion fish | source", "complete -c biovlm -f"];
  for (const [name, text] of heads) lines.push(`complete -c biovlm -n __fish_use_subcommand -a ${name} -d ${quote(text)}`);
  const grouped = groupMembers(completions);
  for (const [head, members] of grouped) {
    const names = members.map((m) => nth(m.path, 1));
    const condition = quote(`__fish_seen_subcommand_from ${head}; and not __fish_seen_subcommand_from ${names.join(" ")}`);
    for (const member of members) lines.push(`complete -c biovlm -n ${condition} -a ${member.path[1]} -d ${quote(member.summary)}`);
  }
  for (const { path, options, argument } of completions) {
    const condition = quote(path.map((word) => `__fish_seen_subcommand_from ${word}`).join("; and "));
    if (argument === "file" || argument === "folder") lines.push(`complete -c biovlm -n ${condition} -F`);
    else if (typeof argument !== "string") lines.push(`complete -c biovlm -n ${condition} -a ${quote(argument.join(" "))}`);
    for (const { flag, short, description, takes } of options) {
      const value =
        takes === "nothing"
          ? ""
          : takes === "file" || takes === "folder"
            ? " -r -F"
            : takes === "text"
              ? " -x"
              : ` -x -a ${quote(takes.join(" "))}`;
      lines.push(
        `complete -c biovlm -n ${condition} -l ${flag.slice(2)}${short === undefined ? "" : ` -s ${short}`}${value} -d ${quote(description)}`,
      );
    }
  }
  return `${lines.join("\n")}\n`;
}

function groupMembers(completions: readonly Completion[]): Map<string, Completion[]> {
  const groups = new Map<string, Completion[]>();
  for (const completion of completions) {
    if (completion.path.length === 1) continue;
    groups.set(nth(completion.path, 0), [...(groups.get(nth(completion.path, 0)) ?? []), completion]);
  }
  return groups;
}

/** A word in single quotes, safe in all three shells. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}
