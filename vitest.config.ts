import { defineConfig } from "vitest/config";

// One run over every package. Sources of our packages are used directly (condition "@biovlm/source"), so a test never sees a stale build.
export default defineConfig({
  resolve: { conditions: ["@biovlm/source"] },
  ssr: { resolve: { conditions: ["@biovlm/source", "node", "import", "module", "default"] } },
  test: {
    include: ["packages/*/test/**/*.test.ts", "tools/**/test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    // where a CI run wants the counts
    reporters: process.env["BIOVLM_TEST_RESULTS"] ? ["default", ["json", { outputFile: process.env["BIOVLM_TEST_RESULTS"] }]] : ["default"],
    maxWorkers: 2,
  },
});
