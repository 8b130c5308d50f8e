// Set up before every test file that shares its process with others: fails the file where it leaves the process otherwise than it found it, or
// mocks modules, which the others have read already or would get. What a file may not do here it does in a process of its own.

import { afterAll, vi } from "vitest";
import { endOfEarlier } from "./each-file.js";
import { changesOf, stateOf } from "./process-state.js";

const ALONE =
  "put it back in afterAll (vi.unstubAllEnvs, vi.unstubAllGlobals, vi.useRealTimers), or name the file in ALONE of vitest.config.ts";
endOfEarlier();
const before = stateOf();
const [mock, doMock] = [vi.mock, vi.doMock];
const refused = (name: string) => (path: unknown) => {
  throw new Error(
    `vi.${name}(${JSON.stringify(String(path))}) — expected no mocked module in a process that test files share: hand the value in, or name the file in ALONE of vitest.config.ts`,
  );
};
Object.assign(vi, { mock: refused("mock"), doMock: refused("doMock") });

// registered first: runs after the file's own hooks
afterAll(() => {
  Object.assign(vi, { mock, doMock });
  const changes = changesOf(before, stateOf());
  if (changes.length > 0) throw new Error(`expected the process as it was before this file, but: ${changes.join("; ")} — ${ALONE}`);
});
