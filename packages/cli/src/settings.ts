// Where an option's value comes from: flag > BIOVLM_* > project config > user config > default. Unknown keys are refused.
//
// A config file is a JSON object. Its keys are option names as on the command line without the dashes; a key that is a command's
// name holds an object for that command alone: {"device": "cpu", "classify": {"top": 3}}. It holds data only; nothing in it is run.

import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { FilesError, nearest, parseStrictJson, suggest } from "@biovlm/files";
import { type AnyCommand, COMMON_OPTIONS, environmentName, kebab, type OptionSpec, type OptionSpecs } from "./command.js";
import { CliError, usageError } from "./errors.js";
import { EXIT } from "./exit-codes.js";
import { parseValue } from "./option-values.js";

export const PROJECT_CONFIG = "biovlm.config.json";
const MAX_CONFIG_BYTES = 1 << 20;

type Environment = Readonly<Record<string, string | undefined>>;

/** BIOVLM_ variables that are no option of a command. */
export const OTHER_VARIABLES: Readonly<Record<string, string>> = {
  BIOVLM_HOME: "folder of the model store",
  BIOVLM_CONFIG: "the user's config file, instead of the usual place",
  BIOVLM_DATA: "folder with data sets already downloaded",
  BIOVLM_API_KEY: "key of the language model's endpoint, for attributes generate",
  BIOVLM_SHARED: "folder with real data for the tests",
  BIOVLM_PYTHON: "a Python with protocol clients and readers of Parquet for the tests",
  BIOVLM_SOAK: "full counts in the tests",
  BIOVLM_NATIVE: "native kernels: on or require builds them, off leaves them out",
  BIOVLM_REQUIRE: "programs whose tests fail instead of skipping where they are not here, with commas",
};

/** One config file that exists. */
export interface ConfigFile {
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** Every option of a command, the common ones included. */
export function optionsOf(command: AnyCommand): OptionSpecs {
  return { ...COMMON_OPTIONS, ...command.options };
}

/** The user's config file: $BIOVLM_CONFIG, else config.json in the platform's config folder. */
async function userConfigPath(env: Environment): Promise<string> {
  if (env["BIOVLM_CONFIG"]) return env["BIOVLM_CONFIG"];
  const { dataFolders, thisPlace } = await import("@biovlm/files/node");
  return join(dataFolders({ ...thisPlace(), env }).config, "config.json");
}

/**
 * The config files that exist, strongest first: biovlm.config.json in `cwd` or the nearest folder above it, then the user's.
 * @throws CliError `bad_config`, `unknown_key` (exit 2)
 */
export async function readConfigFiles(cwd: string, env: Environment, commands: readonly AnyCommand[]): Promise<readonly ConfigFile[]> {
  const found: ConfigFile[] = [];
  for (let folder = cwd; ; folder = dirname(folder)) {
    const file = await readConfig(join(folder, PROJECT_CONFIG), false, commands);
    if (file !== undefined) found.push(file);
    if (file !== undefined || dirname(folder) === folder) break;
  }
  const user = await readConfig(await userConfigPath(env), Boolean(env["BIOVLM_CONFIG"]), commands);
  if (user !== undefined) found.push(user);
  return found;
}

async function readConfig(path: string, mustExist: boolean, commands: readonly AnyCommand[]): Promise<ConfigFile | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (!mustExist && (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES")) return undefined;
    throw new CliError("bad_config", EXIT.usage, `cannot read the config file ${path}`, { cause });
  }
  if (bytes.length > MAX_CONFIG_BYTES)
    throw usageError("bad_config", `config file ${path} is ${bytes.length} bytes — expected at most 1 MiB`);
  let values: unknown;
  try {
    values = parseStrictJson(bytes.toString("utf8"), "text");
  } catch (cause) {
    if (!(cause instanceof FilesError)) throw cause;
    throw usageError("bad_config", `config file ${path} is not JSON as it should be — ${cause.what.replace(/^text — /, "")}`);
  }
  if (!isRecord(values))
    throw usageError("bad_config", `config file ${path} — expected a JSON object, got ${JSON.stringify(values)?.slice(0, 40)}`);
  checkKeys(path, values, commands);
  return { path, values };
}

function checkKeys(path: string, values: Readonly<Record<string, unknown>>, commands: readonly AnyCommand[]): void {
  const shared = settingKeys(commands);
  for (const [key, value] of Object.entries(values)) {
    if (shared.has(key)) continue;
    const command = commands.find((candidate) => candidate.name === key);
    if (command === undefined) {
      const valid = [...shared, ...commands.map((candidate) => candidate.name)];
      throw usageError("unknown_key", `unknown key ${JSON.stringify(key)} in ${path}`, suggest(key, valid));
    }
    if (!isRecord(value))
      throw usageError("bad_config", `key ${JSON.stringify(key)} in ${path} — expected an object with the options of ${key}`);
    const own = settingKeys([command]);
    for (const inner of Object.keys(value)) {
      if (!own.has(inner))
        throw usageError("unknown_key", `unknown key ${JSON.stringify(inner)} for ${key} in ${path}`, suggest(inner, [...own]));
    }
  }
}

/** Config keys of the commands' settings. */
export function settingKeys(commands: readonly AnyCommand[]): Set<string> {
  const keys = new Set<string>();
  for (const command of commands) {
    for (const [key, option] of Object.entries(optionsOf(command))) if (option.setting) keys.add(kebab(key));
  }
  return keys;
}

/** Warnings about BIOVLM_ variables that nothing reads. */
export function unknownVariables(env: Environment, commands: readonly AnyCommand[]): string[] {
  const known = new Set(Object.keys(OTHER_VARIABLES));
  for (const command of commands) {
    for (const [key, option] of Object.entries(optionsOf(command))) if (option.setting) known.add(environmentName(key));
  }
  return Object.keys(env)
    .filter((name) => name.startsWith("BIOVLM_") && !known.has(name) && !ofServiceLink(env, name))
    .sort()
    .map((name) => {
      const near = nearest(name, known);
      return `the variable ${name} means nothing and is not read${near === undefined ? "" : `; did you mean ${near}?`}`;
    });
}

/**
 * Whether the value is Kubernetes' and not the user's: for a Service called biovlm every pod of its namespace gets BIOVLM_PORT=tcp://10.0.0.1:80
 * beside BIOVLM_PORT_80_TCP of the same value (for biovlm-metrics, BIOVLM_METRICS_PORT), unless its enableServiceLinks is false.
 */
function isServiceLink(env: Environment, name: string): boolean {
  const [, protocol = "", port = ""] = /^(tcp|udp|sctp):\/\/.+:(\d+)$/.exec(env[name] ?? "") ?? [];
  return port !== "" && env[`${name}_${port}_${protocol.toUpperCase()}`] === env[name];
}

/** Whether the variable is one of those that come with such a link: BIOVLM_SERVICE_HOST, BIOVLM_PORT_80_TCP_ADDR and their like. */
function ofServiceLink(env: Environment, name: string): boolean {
  const service = /^(.+?)_(?:SERVICE_(?:HOST|PORT)|PORT_\d+_(?:TCP|UDP|SCTP))(?:_\w+)?$/.exec(name)?.[1] ?? name.replace(/_PORT$/, "");
  return isServiceLink(env, `${service}_PORT`);
}

/**
 * The values of a command's options.
 * @param flags what the command line gave, by camelCase key; absent when not given
 * @throws CliError `bad_value` (exit 2), naming where the wrong value stands
 */
export function resolveOptions(
  command: AnyCommand,
  flags: Readonly<Record<string, unknown>>,
  env: Environment,
  configs: readonly ConfigFile[],
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(optionsOf(command))) values[key] = resolveOption(command, key, option, flags, env, configs);
  return values;
}

function resolveOption(
  command: AnyCommand,
  key: string,
  option: OptionSpec,
  flags: Readonly<Record<string, unknown>>,
  env: Environment,
  configs: readonly ConfigFile[],
): unknown {
  if (flags[key] !== undefined) return parseValue(option, flags[key], `--${kebab(key)}`);
  if (option.setting) {
    const variable = environmentName(key);
    const given = env[variable];
    if (given !== undefined && given !== "" && !isServiceLink(env, variable)) return parseValue(option, given, variable);
    const name = kebab(key);
    for (const { path, values } of configs) {
      const section = values[command.name];
      const own = isRecord(section) && Object.hasOwn(section, name) ? section[name] : undefined;
      const value = own ?? (Object.hasOwn(values, name) ? values[name] : undefined);
      if (value !== undefined) return parseValue(option, value, `${JSON.stringify(name)} in ${path}`);
    }
  }
  if (option.type === "flag") return false;
  if (option.type === "text" && option.many) return [];
  return option.default === undefined ? undefined : parseValue(option, option.default, `the default of --${kebab(key)}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
