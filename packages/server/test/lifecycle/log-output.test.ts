// The log's end of a server: a disk that is full, a reader that takes nothing, and what is told of lines that were lost.

import { closeSync, openSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createLogger, createMetrics, logOutput } from "../../src/index.js";
import type { Write } from "../../src/lifecycle/log-output.js";

const failure = (code: string) => Object.assign(new Error(code), { code });
const settled = () => new Promise((done) => setTimeout(done, 120));

/** A disk that takes so many bytes, then none until it is made larger. */
function disk(room: number) {
  const state = { room, text: "" };
  const put: Write = (_descriptor, bytes, at, length, _position, done) => {
    setImmediate(() => {
      const taken = Math.min(length, state.room);
      if (taken === 0) return done(failure("ENOSPC"));
      state.room -= taken;
      state.text += bytes.toString("utf8", at, at + taken);
      done(null, taken);
    });
  };
  return { state, put };
}

describe("log lines", () => {
  it.skipIf(process.platform !== "linux")("that a full disk does not take are counted, and end nothing", async () => {
    const full = openSync("/dev/full", "w");
    try {
      const output = logOutput(full);
      const logger = createLogger("info", output);
      const metrics = createMetrics({ processMetrics: false });
      metrics.linesLost(() => output.lost);
      for (let i = 0; i < 100; i++) logger.info("ready");
      await expect.poll(() => output.lost).toBe(100);
      expect(await metrics.registry.metrics()).toContain("biovlm_log_lines_lost_total 100");
    } finally {
      closeSync(full);
    }
  });

  it("go on whole once there is room again, behind how many were lost", async () => {
    const { state, put } = disk(25);
    const output = logOutput(1, put);
    output.write('{"n":1}\n');
    await settled();
    output.write('{"n":2,"text":"0123456789"}\n');
    output.write('{"n":3}\n');
    await settled();
    // the second was cut in its middle
    expect(output.lost).toBe(2);
    state.room = 1000;
    output.write('{"n":4}\n');
    await settled();
    const lines = state.text.split("\n");
    expect(lines[0]).toBe('{"n":1}');
    expect(JSON.parse(lines[2]!)).toMatchObject({ lost: 2, msg: "log lines lost" });
    expect(lines.slice(3)).toEqual(['{"n":4}', ""]);
    output.write('{"n":5}\n');
    await settled();
    expect(state.text.endsWith('{"n":4}\n{"n":5}\n')).toBe(true);
  });

  it("wait for a reader that is slow, and are not held without end for one that takes nothing", async () => {
    let open = false;
    const got: string[] = [];
    const put: Write = (_descriptor, bytes, at, length, _position, done) =>
      setImmediate(() => {
        if (!open) return done(failure("EAGAIN"));
        got.push(bytes.toString("utf8", at, at + length));
        done(null, length);
      });
    const output = logOutput(1, put);
    const line = `${"x".repeat(1023)}\n`;
    for (let i = 0; i < 6000; i++) output.write(line);
    expect(output.lost).toBe(6000 - 4096);
    open = true;
    await expect.poll(() => got.join("").split("\n").length).toBeGreaterThan(4096);
    output.write("last\n");
    await expect.poll(() => got.join("").endsWith("last\n")).toBe(true);
    expect(
      got
        .join("")
        .split("\n")
        .filter((one) => one === line.trim()),
    ).toHaveLength(4096);
  });
});
