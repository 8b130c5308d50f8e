import { defineConfig } from "vitest/config";
import { LongestFirst } from "./tools/testkit/src/test-order.js";

/** Where a file needs a process to itself: what it mocks, starts, kills, counts or puts into the environment is the process's. */
const ALONE = [
  // canaries reads all that its calls left at home; images-once mocks; the others change what the store reads, or start and kill the program
  "packages/cli/test/{bulk-killed,bulk-series,bulk-soak,canaries,deployment,executable,hostile-names,image-without-numbers,images-once,models,readme,reproduce,serve-faults,serve-memory,serve-models,service-manager,slurm,tracing,training-faults,training-kills}.test.ts",
  "packages/{backend-cuda,backend-web,core-native}/test/**/*.test.ts",
  "packages/engine/test/{added-backend,bulk,bulk-volumes,encoder-pool,engine,frame-rows,frames,image-rows,open-core,soak,thread-priority}.test.ts",
  "packages/jobs/test/{folder-store,redis,s3,sorted-lines}.test.ts",
  "packages/demo/test/*.test.ts",
  "packages/server/test/{audit-log,lifecycle/{cross-origin,drain,listening,opening},grpc/{grpc,grpc-tls,grpc-tools,python-client}}.test.ts",
  "packages/core/test/{exponential,kernels,load-core}.test.ts",
  "packages/demo/test/engine/model-delivery.test.ts",
  "packages/dicomweb/test/{structured-report,orthanc}.test.ts",
  "packages/files/test/folders.test.ts",
  "packages/graph/test/{runtime,quantize}.test.ts",
  // dicom/hostile counts the memory of its process
  "packages/imaging/test/{chromium,dicom/codecs,dicom/chromium,dicom/hostile}.test.ts",
  "packages/model/test/{artifact-check,kept-digest,store/process-safety}.test.ts",
  "tools/{manifests,testkit}/test/**/*.test.ts",
];
// Tests talk to this machine alone: neither a proxy nor an authority of its network is theirs. Node reads the file of NODE_EXTRA_CA_CERTS at every
// start of a process, and undici copies the authorities for every address. The soak builds images, which asks a registry.
const OF_THE_NETWORK = [
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "REQUESTS_CA_BUNDLE",
  "CURL_CA_BUNDLE",
  "HTTPS_PROXY",
  "HTTP_PROXY",
  "ALL_PROXY",
  "NO_PROXY",
];
if (process.env["BIOVLM_SOAK"] !== "1")
  for (const name of OF_THE_NETWORK.flatMap((each) => [each, each.toLowerCase()])) delete process.env[name];

const TESTS = ["packages/*/test/**/*.test.ts", "tools/**/test/**/*.test.ts"];
const AROUND = "./tools/testkit/src/around-files.ts";
const NEVER = ["**/node_modules/**", "**/dist/**"];

// One run over every package. Sources of our packages are used directly (condition "@biovlm/source"), so a test never sees a stale build.
export default defineConfig({
  resolve: { conditions: ["@biovlm/source"] },
  ssr: { resolve: { conditions: ["@biovlm/source", "node", "import", "module", "default"] } },
  test: {
    // what hangs ends; long enough that a machine with ten times as much to do fails nothing
    testTimeout: 240_000,
    hookTimeout: 240_000,
    pool: "forks",
    setupFiles: ["./tools/testkit/src/equal-bytes.ts"],
    // where a CI run wants the counts
    reporters: process.env["BIOVLM_TEST_RESULTS"] ? ["default", ["json", { outputFile: process.env["BIOVLM_TEST_RESULTS"] }]] : ["default"],
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: "alone", include: ALONE, exclude: NEVER, setupFiles: [AROUND] } },
      {
        extends: true,
        test: {
          name: "together",
          include: TESTS,
          exclude: [...NEVER, ...ALONE],
          isolate: false,
          setupFiles: ["./tools/testkit/src/shared-process.ts", AROUND],
        },
      },
    ],
  },
});
