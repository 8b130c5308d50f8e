// A Dockerfile → what is against it: first what a builder would say (dockerfile-utils), then the rules of this project for an image that serves.
// Reads text only; nothing is built.

import { validate } from "dockerfile-utils";

export interface Instruction {
  /** upper case */
  readonly name: string;
  readonly rest: string;
  readonly line: number;
}

/** Instructions with their continuation lines joined; comments left out. */
export function instructionsOf(text: string): Instruction[] {
  const found: Instruction[] = [];
  let open: { line: number; text: string } | undefined;
  for (const [i, raw] of text.split("\n").entries()) {
    if (/^\s*(#|$)/.test(raw)) continue;
    open = { line: open?.line ?? i + 1, text: `${open?.text ?? ""}${raw.replace(/\\\s*$/, " ")}` };
    if (/\\\s*$/.test(raw)) continue;
    const [, name = "", rest = ""] = /^\s*(\S+)\s*(.*)$/.exec(open.text)!;
    found.push({ name: name.toUpperCase(), rest: rest.trim(), line: open.line });
    open = undefined;
  }
  return found;
}

/** The words of an instruction in JSON form, e.g. ENTRYPOINT's. @throws SyntaxError in shell form */
export function words(instruction: Instruction): string[] {
  return JSON.parse(instruction.rest) as string[];
}

/** One line a fault, with its line number; none for a file that is well. */
export function dockerfileProblems(text: string): string[] {
  const problems = validate(text).map(({ range, message }) => `${range.start.line + 1}: ${message}`);
  const all = instructionsOf(text);
  const say = ({ line }: Instruction, what: string) => problems.push(`${line}: ${what}`);
  const stages = new Set<string>();
  const defaults = new Map<string, string>();
  for (const instruction of all) {
    const { name, rest } = instruction;
    if (name === "ARG") defaults.set(...(rest.split("=", 2) as [string, string]));
    if (name === "FROM") {
      const [asked = "", , stage] = rest.split(/\s+/);
      // what a build without arguments takes
      const image = asked.replaceAll(/\$\{(\w+)\}/g, (whole, arg) => defaults.get(arg) ?? whole);
      if (!stages.has(image) && !/@sha256:|:(?!latest\b)[^/]+$/.test(image)) say(instruction, `${image} — name a version, not the latest.`);
      if (/\balpine\b/.test(image)) say(instruction, `${image} — onnxruntime needs glibc.`);
      if (stage !== undefined) stages.add(stage);
    }
    if (name === "ADD") say(instruction, "ADD — use COPY; what is fetched is not checked.");
    if ((name === "ENV" || name === "ARG") && /(TOKEN|SECRET|PASSWORD|API_?KEY)/i.test(rest))
      say(instruction, `${name} — a secret stays in the image for ever.`);
    if (name === "RUN" && /\bnpm (install|i)\b/.test(rest)) say(instruction, "npm install — npm ci installs what the lock file says.");
    if (name === "RUN" && /\b(curl|wget)\b/.test(rest)) say(instruction, "curl or wget — what is fetched is not checked.");
    if (name === "RUN" && /\bsudo\b/.test(rest)) say(instruction, "sudo.");
  }
  const last = all.slice(all.findLastIndex(({ name }) => name === "FROM"));
  const only = (name: string) => last.filter((i) => i.name === name);
  const user = only("USER").at(-1);
  if (user === undefined) problems.push("the last stage has no USER: it runs as root.");
  else {
    if (!/^[1-9][0-9]*(:[1-9][0-9]*)?$/.test(user.rest))
      say(user, `USER ${user.rest} — a number that is not 0, so that runAsNonRoot can check it.`);
    for (const late of last.slice(last.indexOf(user) + 1))
      if (late.name === "RUN" || late.name === "COPY") say(late, `${late.name} after USER writes what the server may change.`);
  }
  if (only("VOLUME").length > 0) problems.push("VOLUME: the root file system is read-only; volumes are the platform's.");
  const entry = only("ENTRYPOINT").at(-1);
  if (entry === undefined || !/^\[.*\]$/.test(entry.rest)) problems.push("ENTRYPOINT in JSON form: a shell would swallow SIGTERM.");
  if (only("EXPOSE").length === 0) problems.push("the last stage has no EXPOSE.");
  return problems;
}
