// The package of one platform's native library, made from what was built there: `platform-package.mjs TARGET LIBRARY FOLDER` writes
// FOLDER/TARGET with a manifest that npm installs on that platform alone. `platform-package.mjs --name-in MANIFEST FOLDER` names all packages of
// FOLDER as optional dependencies in the manifest that is about to be published; in the repository they are not named, so that nothing needs them.
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const manifestOf = async (path) => JSON.parse(await readFile(path, "utf8"));
const write = (path, value) => writeFile(path, `${JSON.stringify(value, null, 2)}\n`);

async function make(target, library, folder) {
  const match = /^(linux)-(x64|arm64)-(gnu|musl)$|^(darwin)-(x64|arm64)$|^(win32)-(x64|arm64)-msvc$/.exec(target);
  if (match === null)
    throw new Error(`target — expected one like linux-x64-gnu, darwin-arm64 or win32-x64-msvc, got ${target}. Correct it.`);
  const [os, cpu, libc] = target.split("-");
  const { version, license, engines, publishConfig, repository } = await manifestOf(join(root, "package.json"));
  const to = join(folder, target);
  await mkdir(to, { recursive: true });
  await copyFile(library, join(to, "biovlm-core.node"));
  await copyFile(join(root, "LICENSE"), join(to, "LICENSE"));
  await writeFile(
    join(to, "README.md"),
    `# @biovlm/core-native-${target}\n\nThe library of @biovlm/core-native for ${target}; installed with it.\n`,
  );
  await write(join(to, "package.json"), {
    name: `@biovlm/core-native-${target}`,
    version,
    description: `The native library of @biovlm/core-native for ${target}`,
    license,
    main: "biovlm-core.node",
    files: ["biovlm-core.node"],
    engines,
    os: [os],
    cpu: [cpu],
    ...(os === "linux" ? { libc: [libc === "gnu" ? "glibc" : "musl"] } : {}),
    ...(repository === undefined ? {} : { repository }),
    publishConfig,
  });
}

async function nameIn(path, folder) {
  const manifest = await manifestOf(path);
  const packages = await Promise.all((await readdir(folder)).sort().map((target) => manifestOf(join(folder, target, "package.json"))));
  await write(path, { ...manifest, optionalDependencies: Object.fromEntries(packages.map(({ name, version }) => [name, version])) });
}

const args = process.argv.slice(2);
if (args.length !== 3) throw new Error("expected TARGET LIBRARY FOLDER, or --name-in MANIFEST FOLDER");
await (args[0] === "--name-in" ? nameIn(args[1], args[2]) : make(...args));
