// What the log says of banks that are refused, and the engine's own observer beside it.

import { SILENT } from "@biovlm/engine";
import { expect, it } from "vitest";
import { createLogger, refusalsLogged } from "../../src/index.js";

it("a refused bank is counted and logged by name and code, a name that is none by its code alone", () => {
  const lines: string[] = [];
  const counted: string[] = [];
  const logger = createLogger("info", { write: (line) => void lines.push(line) });
  const observer = refusalsLogged({ ...SILENT, bankRefused: (name) => void counted.push(name) }, logger);
  observer.bankRefused("clinic", "bank_mismatch");
  observer.bankRefused("../DOE^JANE", "bad_bank");
  expect(counted).toEqual(["clinic", "../DOE^JANE"]);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 40, bank: "clinic", code: "bank_mismatch", msg: "bank refused" },
    { level: 40, code: "bad_bank", msg: "bank refused" },
  ]);
  expect(lines.join("")).not.toMatch(/DOE/);
});
