// Prints "N passed, N failed, N skipped" from vitest's JSON results, as the last line of a CI run. A failed step outside the tests counts
// as one failure, so that the line never looks better than the exit status.
import { existsSync, readFileSync } from "node:fs";

const [path, status] = process.argv.slice(2);
let { passed, failed, skipped } = { passed: 0, failed: 0, skipped: 0 };
if (path !== undefined && existsSync(path)) {
  const results = JSON.parse(readFileSync(path, "utf8"));
  passed = results.numPassedTests;
  failed =
    results.numFailedTests + results.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length;
  skipped = results.numPendingTests + (results.numTodoTests ?? 0);
}
if (status !== "0" && failed === 0) failed = 1;
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
