import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { duration, ProgressBar } from "../src/progress-bar.js";
import { createTerminal } from "../src/terminal.js";

function bar(total: number, columns = 100) {
  let now = 0;
  const drawn: string[] = [];
  let cleared = 0;
  const made = new ProgressBar(
    { columns: () => columns, draw: (line) => drawn.push(line), clear: () => cleared++ },
    "embed",
    total,
    "images",
    () => now,
  );
  return { made, drawn, cleared: () => cleared, pass: (ms: number) => (now += ms) };
}

describe("a progress bar", () => {
  it("shows how much is done, how fast, and how long it will take", () => {
    const { made, pass } = bar(200);
    pass(1000);
    made.advance(50);
    expect(made.line()).toBe(`embed ${"█".repeat(6)}${"░".repeat(18)}  50/200 images  50/s  3 s left`);
  });

  it("counts skipped work as done but not in the rate", () => {
    const { made, pass } = bar(200);
    made.skip(100);
    pass(1000);
    made.advance(50);
    expect(made.line()).toContain("150/200 images  50/s  1 s left");
  });

  it("is drawn at most ten times a second and never wider than the terminal", () => {
    const { made, drawn, pass } = bar(10_000, 40);
    for (let i = 0; i < 10_000; i++) {
      pass(0.1);
      made.advance();
    }
    expect(drawn.length).toBeGreaterThan(5);
    expect(drawn.length).toBeLessThanOrEqual(12);
    for (const line of drawn) expect(line.length).toBeLessThan(40);
  });

  it("is removed once, and draws nothing afterwards", () => {
    const { made, drawn, cleared, pass } = bar(10);
    made.end();
    made.end();
    const before = drawn.length;
    pass(1000);
    made.advance();
    expect([cleared(), drawn.length]).toEqual([1, before]);
  });

  it("is not there where stderr is no terminal", () => {
    let text = "";
    const stream = new Writable({
      write(chunk, _encoding, done) {
        text += String(chunk);
        done();
      },
    });
    const terminal = createTerminal(stream, stream, { env: {}, quiet: false });
    const progress = terminal.progress("embed", 3);
    progress.advance();
    progress.end();
    expect(text).toBe("");
  });

  it.each([
    [0.4, "0 s"],
    [59, "59 s"],
    [65, "1 min 05 s"],
    [7800, "2 h 10 min"],
  ])("writes %d seconds as %s", (seconds, text) => expect(duration(seconds)).toBe(text));
});
