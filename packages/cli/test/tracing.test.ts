// `biovlm serve --trace`, the built program: spans reach the SDK that node --import registered, here a few lines that write them to a file.

import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { ENVIRONMENT, folder } from "./call.js";
import { compile, main } from "./program.js";

beforeAll(compile, 300_000);

/** Serves, asks `/livez` and an unknown bank, stops; the spans that were written. */
async function spansOf(words: readonly string[]): Promise<{ name: string; status: number; parent: string | undefined }[]> {
  const cwd = folder("tracing");
  const file = join(cwd, "spans.jsonl");
  const sdk = join(cwd, "sdk.mjs");
  writeFileSync(file, "");
  const api = pathToFileURL(createRequire(join(import.meta.dirname, "../../server/package.json")).resolve("@opentelemetry/api")).href;
  writeFileSync(
    sdk,
    `import { appendFileSync } from "node:fs";
     import api from ${JSON.stringify(api)};
     const key = api.createContextKey("parent");
     api.propagation.setGlobalPropagator({ inject() {}, fields: () => [], extract: (context, headers) => context.setValue(key, headers.traceparent) });
     api.trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan: (name, { attributes }, context) => ({
       setStatus() {},
       setAttribute(name, value) { attributes[name] = value; },
       end() {
         appendFileSync(${JSON.stringify(file)}, JSON.stringify({ name, status: attributes["http.response.status_code"], parent: context.getValue(key) }) + "\\n");
       },
     }) }) });`,
  );
  const child = spawn(
    process.execPath,
    [main, "serve", "--port", "0", "--pool", "0", "--device", "cpu", "--drain-delay-ms", "0", ...words],
    {
      cwd,
      env: { ...process.env, ...ENVIRONMENT, NODE_OPTIONS: `--import=${pathToFileURL(sdk).href}` },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  const ended = new Promise<number | null>((done) => child.once("close", done));
  let said = "";
  const address = await new Promise<string>((resolve, reject) => {
    child.stderr.on("data", (data: Buffer) => {
      said += data.toString();
      const found = /listening on (\S+);/.exec(said)?.[1];
      if (/^ready: /m.test(said) && found !== undefined) resolve(found);
    });
    void ended.then((code) => reject(new Error(`ended with ${code}: ${said}`)));
  });
  await fetch(`${address}/livez?patient=Jane`, { headers: { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" } });
  await fetch(`${address}/v1/banks/Jane-Doe`);
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
  const text = readFileSync(file, "utf8");
  expect(text).not.toMatch(/Jane/);
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

describe("tracing", () => {
  it("is off unless asked for, and gives one span a request with the caller's as its parent", async () => {
    expect(await spansOf([])).toEqual([]);
    const spans = await spansOf(["--trace"]);
    expect(spans.map(({ name, status }) => [name, status])).toEqual([
      ["GET /livez", 200],
      ["GET /v1/banks/:name", 404],
    ]);
    expect(spans[0]!.parent).toBe("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  });
});
