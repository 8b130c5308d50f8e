// The Python clients of the Open Inference Protocol (Triton's and KServe's) against this server, where a Python that has them is found:
// $BIOVLM_PYTHON, else python3. Install them with `pip install "tritonclient[http]" kserve`.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findProgram } from "@biovlm/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { createClient } from "../../src/client/index.js";
import { createServer, listen, servingOptions } from "../../src/index.js";
import { greyPng } from "./grey-png.js";
import { kindsEngine } from "./kinds-engine.js";

const KINDS = [
  {
    title: "Triton client in Python",
    module: "tritonclient.http",
    script: "triton-client.py",
    versions: true,
  },
  { title: "KServe client in Python", module: "kserve", script: "kserve-client.py", versions: false },
] as const;
const clients = KINDS.map((kind) => ({ ...kind, python: findProgram(kind.module) }));
const folder = mkdtempSync(join(tmpdir(), "biovlm-python-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(clients)("$title", ({ python, script, versions }) => {
  it.skipIf(python === undefined)(
    "reads metadata, gets the answer of our own client in binary and in JSON, and errors as its exceptions",
    async () => {
      const engine = await kindsEngine();
      const options = servingOptions({ port: 0 });
      const keys = [{ name: "clinic", sha256: createHash("sha256").update("secret").digest("hex"), scopes: ["infer", "admin"] as const }];
      const app = await createServer({ engine, options, version: "0.1.0", keys });
      try {
        const address = await listen(app, options);
        const png = greyPng(64, 48);
        const file = join(folder, "image.png");
        writeFileSync(file, png);
        const where = script === "triton-client.py" ? new URL(address).host : address;
        const { stdout } = await promisify(execFile)(python!, [join(import.meta.dirname, script), where, "secret", file], {
          timeout: 60_000,
        });
        const said = JSON.parse(stdout);
        expect([said.live, said.ready, said.model_ready]).toEqual([true, true, true]);
        const [own] = (await createClient({ baseUrl: address, apiKey: "secret" }).classify([png])).results;
        const predictions = own!.predictions!;
        const row = ["chest X-ray", "head CT"].map((name) => predictions.find((p) => p.class === name)!.probability);
        for (const name of ["binary", "json", ...(versions ? ["version"] : [])]) {
          expect(said[name].probabilities, name).toHaveLength(2);
          for (const got of said[name].probabilities) {
            for (const [c, p] of row.entries()) expect(got[c], name).toBeCloseTo(p, 6);
          }
          expect(said[name].class, name).toEqual([predictions[0]!.class, predictions[0]!.class]);
          expect(said[name].kept[0], name).toEqual(own!.kept!.map((k) => k.prompt));
        }
        expect(said.binary.id).toBe("42");
        expect(said.no_key).toMatchObject({ status: "401" });
        expect(said.no_model).toMatchObject({ status: "404", message: expect.stringContaining("model") });
        if (!versions) return;
        expect(said.server).toContain("binary_tensor_data");
        expect(said.model).toMatchObject({ name: "tiny", versions: ["1"], platform: "biovlm" });
        expect(said.embedding.probabilities[0]).toHaveLength(2);
        expect(said.bad_shape).toMatchObject({ status: "400", message: expect.stringContaining("image") });
        for (const name of ["gzip", "deflate"]) expect(said[name], name).toEqual({ ...said.binary, id: null });
        const listed = { name: "tiny", version: "1", state: "READY", reason: "" };
        expect(said.index).toEqual([listed]);
        expect(said.unloaded).toEqual([false, [{ ...listed, state: "UNAVAILABLE", reason: "unloaded" }]]);
        expect(said.loaded).toEqual([true, [listed]]);
        expect(said.load_other).toMatchObject({ status: "404", message: expect.stringContaining("expected one of tiny") });
        const best = row.indexOf(Math.max(...row));
        expect(said.top).toEqual([0, 1].map(() => [`${row[best]!.toFixed(6)}:${best}:${predictions[0]!.class}`]));
        expect(said.priority).toMatchObject({ status: "400", message: expect.stringContaining("order") });
      } finally {
        await app.close();
        await engine.close(1000);
      }
    },
  );
});
