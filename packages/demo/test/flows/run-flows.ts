// Runs flows of the page, in order, in one browser. Each test file of flows has a stage of its own, so that the files may run beside each other.

import { withoutProgram } from "@biovlm/testkit";
import { afterAll, beforeAll, describe } from "vitest";
import { openStage, type Stage } from "../page-under-test.js";

/** What registers the tests of one flow, given the stage that stands once they run. */
export type Flow = (stage: () => Stage) => void;

export function runFlows(title: string, flows: readonly Flow[]): void {
  describe.skipIf(withoutProgram("chromium"))(title, () => {
    let stage: Stage;
    beforeAll(async () => {
      stage = await openStage();
    }, 120_000);
    afterAll(() => stage?.close());
    for (const flow of flows) flow(() => stage);
  });
}
