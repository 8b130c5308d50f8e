// Programs that suites need and that npm does not bring: where each is looked for, and how it comes here. Without one its suite says "skipped: no …";
// where BIOVLM_REQUIRE names it (a list with commas), as .ci/run does for what it installs, its absence is a failure.

import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

interface Program {
  /** its path or its name, where it is here and is what the suites need */
  readonly find: () => string | undefined;
  /** how it comes here */
  readonly install: string;
}

/** Path of a program on PATH, or where `go install` puts one. */
function onPath(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), join(homedir(), "go", "bin")];
  return folders.map((folder) => join(folder, name)).find(executable);
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The program's path where it also says what is asked for; `pattern` is looked for in what `words` make it print. */
function saying(name: string, words: readonly string[], pattern: RegExp): string | undefined {
  const path = onPath(name);
  if (path === undefined) return undefined;
  const { status, stdout } = spawnSync(path, words, { encoding: "utf8", timeout: 60_000 });
  return status === 0 && pattern.test(stdout) ? path : undefined;
}

function findChromium(): string | undefined {
  const named = process.env["CHROMIUM"];
  if (named !== undefined && named !== "" && !existsSync(named)) throw new Error(`CHROMIUM=${named} is not there. Correct or unset it.`);
  return named || ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((place) => existsSync(place));
}

const debian = (name: string, packages = name): Program => ({ find: () => onPath(name), install: `Debian: ${packages}` });

/** $BIOVLM_PYTHON, else python3, where it has the module, or all of several with commas. */
const python = (module: string, install: string): Program => ({
  find: () =>
    [process.env["BIOVLM_PYTHON"], "python3"].find(
      (name) => name && spawnSync(name, ["-c", `import ${module}`], { stdio: "ignore", timeout: 60_000 }).status === 0,
    ),
  install: `pip install ${install}, and BIOVLM_PYTHON where that is not python3's`,
});

/** The library of core-native where it was built and loads. */
function findNative(): string | undefined {
  const built = fileURLToPath(new URL("../../../packages/core-native/dist/biovlm-core.node", import.meta.url));
  try {
    createRequire(import.meta.url)(built);
    return built;
  } catch {
    return undefined;
  }
}

/** napi-rs's command line, which core-native's first native build installs. */
function findNapi(): string | undefined {
  const path = fileURLToPath(new URL("../../../packages/core-native/napi/node_modules/@napi-rs/cli/dist/cli.js", import.meta.url));
  return existsSync(path) ? path : undefined;
}

/** By the name that BIOVLM_REQUIRE takes. */
const PROGRAMS = {
  chromium: { find: findChromium, install: "Debian: chromium, or CHROMIUM set to its path" },
  openssl: debian("openssl"),
  Orthanc: debian("Orthanc", "orthanc orthanc-dicomweb"),
  dciodvfy: debian("dciodvfy", "dicom3tools"),
  dcmdjpeg: debian("dcmdjpeg", "dcmtk"),
  dsrdump: debian("dsrdump", "dcmtk"),
  promtool: debian("promtool", "prometheus"),
  "redis-server": debian("redis-server"),
  versitygw: { find: () => onPath("versitygw"), install: "go install github.com/versity/versitygw/cmd/versitygw@latest" },
  // the components of our overlays came with kustomize 4; kubectl says its own from 1.27 on
  kustomize: {
    find: () => onPath("kustomize") ?? saying("kubectl", ["version", "--client"], /Kustomize Version: v([4-9]|\d\d)\./),
    install: "go install sigs.k8s.io/kustomize/kustomize/v5@latest, or a kubectl from 1.27 on",
  },
  helm: { find: () => saying("helm", ["version"], /"v[3-9]\./), install: "go install helm.sh/helm/v3/cmd/helm@latest" },
  grpcurl: { find: () => onPath("grpcurl"), install: "go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest" },
  actionlint: { find: () => onPath("actionlint"), install: "go install github.com/rhysd/actionlint/cmd/actionlint@latest" },
  "systemd-analyze": debian("systemd-analyze", "systemd"),
  munged: debian("munged", "munge"),
  slurmctld: debian("slurmctld", "slurmctld slurm-client"),
  slurmd: debian("slurmd"),
  buildah: debian("buildah"),
  debootstrap: debian("debootstrap"),
  bash: debian("bash"),
  zsh: debian("zsh"),
  fish: debian("fish"),
  pwsh: { find: () => onPath("pwsh"), install: "PowerShell" },
  "tritonclient.http": python("tritonclient.http", '"tritonclient[http]"'),
  "tritonclient.grpc": python("tritonclient.grpc", '"tritonclient[grpc]"'),
  kserve: python("kserve", "kserve"),
  pyarrow: python("pyarrow, duckdb, pandas, safetensors", "pyarrow duckdb pandas safetensors"),
  napi: { find: findNapi, install: "npm ci --workspaces=false in packages/core-native/napi" },
  "native build": { find: findNative, install: "Rust, then BIOVLM_NATIVE=on npm run build" },
} as const satisfies Record<string, Program>;

export type ProgramName = keyof typeof PROGRAMS;

const isProgram = (name: string): name is ProgramName => Object.hasOwn(PROGRAMS, name);
const found = new Map<ProgramName, string | undefined>();

/** The names in BIOVLM_REQUIRE. @throws Error at one that no suite asks for: a slip there would require nothing. */
function required(): readonly string[] {
  const names = (process.env["BIOVLM_REQUIRE"] ?? "").split(",").filter((name) => name !== "");
  const unknown = names.filter((name) => !isProgram(name));
  if (unknown.length > 0)
    throw new Error(`BIOVLM_REQUIRE — expected names of ${Object.keys(PROGRAMS).join(", ")}, with commas, got ${unknown.join(", ")}`);
  return names;
}

/**
 * The program's path or name, or undefined after saying "skipped: no …".
 * @throws Error where it is not here and BIOVLM_REQUIRE names it
 */
export function findProgram(name: ProgramName): string | undefined {
  const must = required().includes(name);
  if (found.has(name)) return found.get(name);
  const { find, install } = PROGRAMS[name];
  const path = find();
  if (path === undefined && must) throw new Error(`no ${name}, which BIOVLM_REQUIRE asks for (${install})`);
  if (path === undefined) console.log(`skipped: no ${name} (${install})`);
  found.set(name, path);
  return path;
}

/**
 * Whether a program is not here, which is said.
 * @example describe.skipIf(withoutProgram("openssl"))("with a certificate", …)
 * @throws Error where it is not here and BIOVLM_REQUIRE names it
 */
export const withoutProgram = (name: ProgramName): boolean => findProgram(name) === undefined;
