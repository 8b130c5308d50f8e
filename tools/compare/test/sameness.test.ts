// What counts as the same result of two states, and what an exception excuses.
import { describe, expect, it } from "vitest";
import { differences, excusing, settled } from "../sameness.mjs";

const compare = (before: string | Uint8Array, after: string | Uint8Array) => differences(settled(before, "/one"), settled(after, "/two"));

describe("two results", () => {
  it("are the same where only times, ports and folders differ", () => {
    expect(compare('{"a":1,"seconds":2,"of":{"timings":{"decode":1}}}', '{"a":1,"seconds":9,"of":{"timings":{"decode":3}}}')).toEqual([]);
    expect(compare("took 3.2 s, 14.1 images/s at /one/in", "took 140 ms, 2 images/s at /two/in")).toEqual([]);
    expect(compare("listening on http://127.0.0.1:4001;", "listening on http://127.0.0.1:8080;")).toEqual([]);
  });

  it("differ at the place that is named, in JSON, in JSON lines, in text and in bytes", () => {
    expect(compare('{"a":[{"p":0.5}]}', '{"a":[{"p":0.25}]}')).toEqual([{ path: "a.0.p", before: "0.5", after: "0.25" }]);
    expect(compare('{"a":1}\n{"a":2}\n', '{"a":1}\n{"a":3}\n')).toEqual([{ path: "1.a", before: "2", after: "3" }]);
    expect(compare("one\ntwo", "one\nthree")).toEqual([{ path: "line 2", before: "two", after: "three" }]);
    expect(compare(new Uint8Array([1, 2, 3]), new Uint8Array([1, 2, 4]))).toMatchObject([{ path: "byte 2" }]);
    expect(compare(new Uint8Array([1, 2]), new Uint8Array([1, 2, 4]))).toMatchObject([{ path: "byte 2" }]);
  });

  it("differ where keys come in another order, where one is new, and where one result is absent", () => {
    expect(compare('{"a":1,"b":2}', '{"b":2,"a":1}')).toMatchObject([{ path: " (order of keys)" }]);
    expect(compare('{"a":1}', '{"a":1,"b":2}')).toEqual([{ path: "b", before: "nothing", after: "2" }]);
    expect(differences(settled("x", "/one"), undefined)).toHaveLength(1);
  });

  it("a number of an answer is not taken for a time", () => {
    expect(compare('{"message":"expected 16 images, got 3"}', '{"message":"expected 16 images, got 4"}')).toHaveLength(1);
  });
});

describe("an exception", () => {
  const found = compare('{"keep":1,"b":2}', '{"rho":1,"b":3}');

  it("takes out what it names and nothing else, and says that it was used", () => {
    const { left, excused } = excusing("cpu: serve — openapi", found, [
      { at: "openapi", path: "^(keep|rho)$", why: "one vocabulary" },
      { at: "train", why: "idle" },
    ]);
    expect(left.map(({ path }: { path: string }) => path)).toEqual(["b"]);
    expect([...excused]).toEqual([0]);
  });
});
