// Prints the bill of materials of a release, CycloneDX 1.5: npm's own of all that the lock file installs, with our packages under their names and the
// release's version (npm calls them as their folders), and the crates that the native kernels are made of. Needs no installed packages.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/**
 * The crates of the text of a Cargo.lock, and the refs of what each needs.
 * @returns {{component: Record<string, any>, needs: string[]}[]}
 */
export function cratesOf(lock) {
  const blocks = lock.split("[[package]]").slice(1);
  const field = (block, name) => new RegExp(`^${name} = "(.*)"$`, "m").exec(block)?.[1];
  const crates = blocks.map((block) => {
    const [name, version] = [field(block, "name"), field(block, "version")];
    const purl = `pkg:cargo/${name}@${version}`;
    const checksum = field(block, "checksum");
    const needs = [...(/^dependencies = \[([^\]]*)\]/m.exec(block)?.[1] ?? "").matchAll(/"([^"]+)"/g)].map(([, need]) => need);
    const component = { "bom-ref": purl, type: "library", name, version, purl };
    return { component: checksum === undefined ? component : { ...component, hashes: [{ alg: "SHA-256", content: checksum }] }, needs };
  });
  // "name", or "name version" where there are two
  const refOf = (need) => {
    const [name, version] = need.split(" ");
    return crates.find(({ component: c }) => c.name === name && (version === undefined || c.version === version))?.component["bom-ref"];
  };
  return crates.map(({ component, needs }) => ({ component, needs: needs.map(refOf) }));
}

/**
 * npm's bill with our own names, and the crates beside. `version` is the release's.
 * @returns {Record<string, any>}
 */
export function billOf(bill, version, crates) {
  const workspace = bill.metadata.component["bom-ref"];
  const own = (component) => {
    const name = decodeURIComponent(/^pkg:npm\/(.+)@/.exec(component.purl)?.[1] ?? component.name);
    return { ...component, name };
  };
  const { purl: _, ...component } = bill.metadata.component;
  const ref = `biovlm-workspace@${version}`;
  const native = crates.find(({ component: { name } }) => name === "biovlm-core-native")?.component["bom-ref"];
  return {
    ...bill,
    metadata: { ...bill.metadata, component: { ...component, "bom-ref": ref, type: "application", name: "biovlm-workspace", version } },
    components: [...bill.components.map(own), ...crates.map((crate) => crate.component)],
    dependencies: [
      ...bill.dependencies.map(({ ref: from, dependsOn }) => ({
        ref: from === workspace ? ref : from,
        dependsOn: from.startsWith("@biovlm/core-native@") && native !== undefined ? [...dependsOn, native] : dependsOn,
      })),
      ...crates.map(({ component: { "bom-ref": from }, needs }) => ({ ref: from, dependsOn: needs })),
    ],
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const words = ["sbom", "--package-lock-only", "--sbom-format", "cyclonedx"];
  const bill = JSON.parse(
    execFileSync("npm", words, { cwd: root, encoding: "utf8", maxBuffer: 64 * 2 ** 20, shell: process.platform === "win32" }),
  );
  const { version } = JSON.parse(readFileSync(join(root, "packages/cli/package.json"), "utf8"));
  console.log(JSON.stringify(billOf(bill, version, cratesOf(readFileSync(join(root, "Cargo.lock"), "utf8"))), undefined, 2));
}
