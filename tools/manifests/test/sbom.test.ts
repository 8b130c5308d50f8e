// The bill of materials that a release carries: valid CycloneDX of all that the lock files install, what only builds and tests included (npm leaves out
// more than that where it is told to leave them out), with our packages as they are published and the crates of the native kernels.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { describe, expect, it } from "vitest";
import { billOf, cratesOf } from "../../checks/sbom.mjs";

const root = fileURLToPath(new URL("../../../", import.meta.url));
interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly "bom-ref": string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}
interface Bill {
  readonly bomFormat: string;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}
const manifest = (path: string) =>
  JSON.parse(readFileSync(`${root}${path}/package.json`, "utf8")) as { version: string; dependencies: Record<string, string> };
/** Every end of an arrow, and every thing that has one. */
const ends = ({ dependencies }: Bill) => dependencies.flatMap(({ ref, dependsOn }) => [ref, ...dependsOn]);
const refs = ({ metadata, components }: Bill) => [metadata.component, ...components].map((component) => component["bom-ref"]);

describe("the bill of materials", () => {
  const { status, stdout, stderr } = spawnSync("npm", ["run", "-s", "sbom"], { cwd: root, encoding: "utf8", maxBuffer: 64 * 2 ** 20 });
  const bill = () => JSON.parse(stdout) as Bill;

  it("is valid CycloneDX 1.5, and a broken one is not", async () => {
    expect(status, stderr).toBe(0);
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot5);
    expect(await validator.validate(stdout)).toBeNull();
    expect(await validator.validate(stdout.replace('"components"', '"component"'))).not.toBeNull();
  });

  it("names every package that the programs use, with its digest", () => {
    const named = new Map(bill().components.map((component) => [component.name, component]));
    const theirs = Object.keys(manifest("packages/server").dependencies).filter((name) => !name.startsWith("@biovlm/"));
    expect(theirs.length).toBeGreaterThan(3);
    for (const name of theirs) expect(named.get(name)?.hashes?.[0]?.content, name).toMatch(/^[0-9a-f]{128}$/);
  });

  it("has our packages under the names that are published, the release's version, and no arrow to nowhere", () => {
    const { version } = manifest("packages/cli");
    const named = new Map(bill().components.map((component) => [component.name, component]));
    for (const name of ["biovlm", "@biovlm/core", "@biovlm/server"]) expect(named.get(name), name).toMatchObject({ version });
    // not the folder that it was made in
    expect(bill().metadata.component).toMatchObject({ name: "biovlm-workspace", version });
    const known = new Set(refs(bill()));
    expect(ends(bill()).filter((ref) => !known.has(ref))).toEqual([]);
    expect(known.size).toBe(refs(bill()).length);
  });

  it("has every crate of the kernels, with its digest, behind the package that carries them", () => {
    const crates = bill().components.filter(({ purl }) => purl.startsWith("pkg:cargo/"));
    expect(crates).toHaveLength(readFileSync(`${root}Cargo.lock`, "utf8").match(/^\[\[package\]\]$/gm)!.length);
    for (const { name, hashes } of crates.filter(({ name }) => !name.startsWith("biovlm-")))
      expect(hashes?.[0]?.content, name).toMatch(/^[0-9a-f]{64}$/);
    const core = bill().dependencies.find(({ ref }) => ref.startsWith("@biovlm/core-native@"));
    expect(core?.dependsOn.some((ref) => ref.startsWith("pkg:cargo/biovlm-core-native@"))).toBe(true);
  });
});

describe("a bill of what is small enough to see", () => {
  const lock = `version = 4

[[package]]
name = "biovlm-core-native"
version = "0.1.0"
dependencies = [
 "rayon",
 "syn 1.0.0",
]

[[package]]
name = "rayon"
version = "1.10.0"
source = "registry+https://example.org/index"
checksum = "${"0a".repeat(32)}"

[[package]]
name = "syn"
version = "1.0.0"

[[package]]
name = "syn"
version = "2.0.0"
`;

  it("tells two versions of a crate apart", () => {
    expect(cratesOf(lock).map(({ component, needs }) => [component["bom-ref"], needs])).toEqual([
      ["pkg:cargo/biovlm-core-native@0.1.0", ["pkg:cargo/rayon@1.10.0", "pkg:cargo/syn@1.0.0"]],
      ["pkg:cargo/rayon@1.10.0", []],
      ["pkg:cargo/syn@1.0.0", []],
      ["pkg:cargo/syn@2.0.0", []],
    ]);
  });

  it("has the names that purls have, whatever the folders are called", () => {
    const npm = {
      metadata: {
        component: { "bom-ref": "biovlm-workspace@0.0.0", type: "library", name: "checkout", version: "0.0.0", purl: "pkg:npm/x@0.0.0" },
      },
      components: [
        { "bom-ref": "@biovlm/core-native@0.2.0", name: "core-native", version: "0.2.0", purl: "pkg:npm/%40biovlm/core-native@0.2.0" },
      ],
      dependencies: [
        { ref: "biovlm-workspace@0.0.0", dependsOn: ["@biovlm/core-native@0.2.0"] },
        { ref: "@biovlm/core-native@0.2.0", dependsOn: [] },
      ],
    };
    const bill = billOf(npm, "0.2.0", cratesOf(lock)) as unknown as Bill;
    expect(bill.metadata.component).toMatchObject({ "bom-ref": "biovlm-workspace@0.2.0", name: "biovlm-workspace", version: "0.2.0" });
    expect(bill.components[0]?.name).toBe("@biovlm/core-native");
    expect(ends(bill).filter((ref) => !refs(bill).includes(ref))).toEqual([]);
    expect(bill.dependencies[1]?.dependsOn).toEqual(["pkg:cargo/biovlm-core-native@0.1.0"]);
  });
});
