// The order of test files: those that take long begin first, so that none of them runs alone at the end while the other worker has nothing left.
// Files that share a process come last, one after another: a worker keeps its process only for files that stand side by side.

import { BaseSequencer, type TestSpecification } from "vitest/node";

/** From the longest on: parts of paths of what takes more than ten seconds of a processor. What takes less needs no row. */
export const LONGEST = [
  "demo/test/page.test",
  "backend-web/test/browser/chromium.test",
  "demo/test/page-answers.test",
  "cli/test/serve-faults.test",
  "demo/test/page-server.test",
  "demo/test/page-files.test",
  "cli/test/training-kills.test",
  "cli/test/training-faults.test",
  "core/test/kernels.test",
  "cli/test/executable.test",
  "cli/test/dicom.test",
  "cli/test/canaries.test",
  "model/test/store/hub-pull.test",
  "cli/test/bulk.test",
  "model/test/store/process-safety.test",
  "cli/test/bulk-soak.test",
  "server/test/lifecycle/drain.test",
];

/** 0 for the longest file; the same for all that have no row. */
const rank = ({ moduleId }: TestSpecification): number => {
  const row = LONGEST.findIndex((part) => moduleId.includes(part));
  return row < 0 ? LONGEST.length : row;
};

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted
      .map((file, place) => ({ file, place }))
      .sort(
        (a, b) =>
          Number(b.file.project.config.isolate) - Number(a.file.project.config.isolate) || rank(a.file) - rank(b.file) || a.place - b.place,
      )
      .map(({ file }) => file);
  }
}
