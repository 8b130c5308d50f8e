// The bill of materials that a release carries: CycloneDX of all that the lock file installs, what only builds and tests
// included: npm leaves out more than that where it is told to leave them out.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));

it("names every package that the programs use, with its digest", () => {
  const { status, stdout, stderr } = spawnSync("npm", ["run", "-s", "sbom"], { cwd: root, encoding: "utf8", maxBuffer: 64 * 2 ** 20 });
  expect(status, stderr).toBe(0);
  interface Component {
    readonly name: string;
    readonly purl: string;
    readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  }
  const { bomFormat, components } = JSON.parse(stdout) as { bomFormat: string; components: Component[] };
  expect(bomFormat).toBe("CycloneDX");
  const named = new Map(components.map((component) => [component.name, component]));
  const { dependencies } = JSON.parse(readFileSync(`${root}packages/server/package.json`, "utf8")) as {
    dependencies: Record<string, string>;
  };
  const theirs = Object.keys(dependencies).filter((name) => !name.startsWith("@biovlm/"));
  expect(theirs.length).toBeGreaterThan(3);
  for (const name of theirs) expect(named.get(name)?.hashes?.[0]?.content, name).toMatch(/^[0-9a-f]{128}$/);
});
