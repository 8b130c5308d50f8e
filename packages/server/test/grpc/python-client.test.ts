// Triton's Python client over gRPC against this server, where a Python that has it is found: $BIOVLM_PYTHON, else python3.
// Install it with `pip install "tritonclient[grpc]"`.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findProgram } from "@biovlm/testkit";
import { afterAll, expect, it } from "vitest";
import { createServer, grpcServer, servingOptions } from "../../src/index.js";
import { greyPng } from "../routes/grey-png.js";
import { kindsEngine } from "../routes/kinds-engine.js";

const python = findProgram("tritonclient.grpc");
const folder = mkdtempSync(join(tmpdir(), "biovlm-triton-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.skipIf(python === undefined)(
  "Triton's gRPC client gets metadata, answers, ranked classes and errors as its exceptions, streams requests, and unloads and loads by name",
  async () => {
    const engine = await kindsEngine();
    const options = servingOptions({ grpcPort: 0 });
    const keys = [{ name: "clinic", sha256: createHash("sha256").update("secret").digest("hex"), scopes: ["infer", "admin"] as const }];
    const app = await createServer({ engine, options, version: "0.1.0", keys });
    try {
      const grpc = await grpcServer(app, options);
      await app.ready();
      const address = (await grpc.listen()).replace("grpc://", "");
      const file = join(folder, "image.png");
      const png = greyPng(64, 48);
      writeFileSync(file, png);
      const script = join(import.meta.dirname, "triton-grpc-client.py");
      const { stdout } = await promisify(execFile)(python!, [script, address, "secret", file], { timeout: 60_000 });
      const said = JSON.parse(stdout);
      expect([said.live, said.ready, said.model_ready, said.id]).toEqual([true, true, true, "42"]);
      expect(said.extensions).toContain("classification");
      expect(said.model).toMatchObject({ name: "tiny", versions: ["1"], platform: "biovlm" });
      expect(said.index).toEqual([["tiny", "READY"]]);
      const { answers, classes } = await engine.classify("tiny", [png]);
      const [own] = answers as unknown as [{ predictions: { class: string; probability: number }[] }];
      for (const row of [...said.probabilities, ...said.compressed]) {
        for (const { class: name, probability } of own.predictions) expect(row[classes.indexOf(name)]).toBeCloseTo(probability, 6);
      }
      const best = own.predictions[0]!;
      expect(said.class).toEqual([best.class, best.class]);
      const top = `${best.probability.toFixed(6)}:${classes.indexOf(best.class)}:${best.class}`;
      expect(said.top).toEqual([top, top]);
      expect([said.unloaded, said.loaded]).toEqual([[false, "UNAVAILABLE"], true]);
      const row = said.probabilities[0];
      const streamed = (id: number) => [String(id), true, row];
      const wrong = expect.objectContaining({ message: expect.stringMatching(/^unknown_model: .*expected one of tiny/) });
      expect(said.streamed).toEqual(Array.from({ length: 200 }, (_, id) => (id === 100 ? wrong : streamed(id))));
      expect(said.strict).toEqual([streamed(0), streamed(1), expect.objectContaining({ status: "StatusCode.NOT_FOUND" })]);
      expect(said.streamed_compressed).toEqual([0, 1, 2].map(streamed));
      expect(said.streamed_no_key).toEqual([expect.objectContaining({ status: "StatusCode.UNAUTHENTICATED" })]);
      expect(said.no_key).toMatchObject({ status: "StatusCode.UNAUTHENTICATED" });
      expect(said.no_model).toMatchObject({ status: "StatusCode.NOT_FOUND", message: expect.stringContaining("expected one of tiny") });
    } finally {
      await app.close();
      await engine.close(1000);
    }
  },
);
