// Strict JSON agrees with JSON.parse on what both take, and refuses what that forgives in silence. Names, nearest names and quoting beside it.

import { cases, mutations, seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { byCodeUnit, FilesError, known, nearest, nth, parseStrictJson, quoted, suggest } from "../src/index.js";

const refused = (text: string, limits = {}) => {
  try {
    parseStrictJson(text, "file", limits);
    return "taken";
  } catch (error) {
    return error instanceof FilesError ? error.code : String(error);
  }
};

function value(random: ReturnType<typeof seeded>, depth: number): unknown {
  const kind = random.below(depth > 4 ? 4 : 6);
  if (kind === 0) return random.pick([null, true, false]);
  if (kind === 1) return random.pick([0, -1, 1e300, 1.5e-7, 123456789, -0.25]);
  if (kind < 4) return random.pick(["", "plain", 'quo"te', "back\\slash", "\u0000\n\t", "ü😀", "\u2028"]);
  const count = random.below(4);
  if (kind === 4) return Array.from({ length: count }, () => value(random, depth + 1));
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}"`, value(random, depth + 1)]));
}

describe("parseStrictJson", () => {
  it("gives what JSON.parse gives, for every spacing", () => {
    const random = seeded(4);
    for (let i = 0; i < cases(2000); i++) {
      const made = value(random, 0);
      const text = JSON.stringify(made, null, random.pick([0, 1, "\t"]));
      expect(JSON.parse(JSON.stringify(parseStrictJson(` ${text}\n`, "file")))).toEqual(made);
    }
  });

  it("never takes what JSON.parse refuses", () => {
    const sound = new TextEncoder().encode(JSON.stringify({ a: [1, 2.5e3, "x\\u0041"], b: { c: null, d: [true, false] } }));
    let damagedCount = 0;
    for (const damaged of mutations(2, sound, cases(3000))) {
      const text = new TextDecoder().decode(damaged);
      let forgiving: unknown;
      try {
        forgiving = JSON.parse(text);
      } catch {
        damagedCount++;
        expect(refused(text)).toBe("malformed_json");
        continue;
      }
      if (refused(text) === "taken")
        expect(JSON.parse(JSON.stringify(parseStrictJson(text, "file")))).toEqual(JSON.parse(JSON.stringify(forgiving)));
    }
    expect(damagedCount).toBeGreaterThan(cases(3000) / 5);
  });

  it.each([
    ["a key twice", '{"a":1,"a":2}'],
    ["a key twice, once escaped", '{"a":1,"\\u0061":2}'],
    ["depth without end", "[".repeat(40) + "]".repeat(40)],
    ["text after the value", "{} {}"],
    ["nothing", ""],
    ["NaN", "NaN"],
    ["a trailing comma", "[1,]"],
    ["a bare control character", '"a\u0001b"'],
  ])("refuses %s", (_, text) => {
    expect(refused(text)).toBe("malformed_json");
  });

  it("gives objects without a prototype, so that no key can reach one", () => {
    expect(() => parseStrictJson('{"__proto__":{"x":1}}', "file")).toThrow(FilesError);
    expect(Object.getPrototypeOf(parseStrictJson('{"constructor":1}', "file"))).toBeNull();
    expect(({} as { x?: number }).x).toBeUndefined();
  });

  it("takes a depth, a code and whole numbers as limits", () => {
    expect(refused("[[1]]", { maxDepth: 1 })).toBe("malformed_json");
    expect(refused("[[1]]", { maxDepth: 2 })).toBe("taken");
    expect(refused('[1,{"a":2}]', { maxValues: 3 })).toBe("malformed_json");
    expect(refused('[1,{"a":2}]', { maxValues: 4 })).toBe("taken");
    expect(refused("nope", { code: "bad_bank" })).toBe("bad_bank");
    expect(refused("[1.5]", { integers: true })).toBe("malformed_json");
    expect(refused("[15]", { integers: true })).toBe("taken");
  });
});

describe("nearest", () => {
  it("finds a name one slip away, a transposition too, and none that is far", () => {
    const names = ["attributes", "classify", "train", "rho"];
    expect(nearest("clasify", names)).toBe("classify");
    expect(nearest("TRIAN", names)).toBe("train");
    expect(nearest("quux", names)).toBeUndefined();
    expect(suggest("rhoo", names)).toBe("Did you mean rho?");
    expect(suggest("quux", names)).toBe("Valid: attributes, classify, train, rho.");
  });
});

describe("text and entries", () => {
  it("quotes hostile text: short, without controls or direction marks", () => {
    expect(quoted("a\nb")).toBe('"a\\nb"');
    expect(quoted("\u202eevil\u2028\u0085")).toBe('"\\u202eevil\\u2028\\u0085"');
    expect(quoted("x".repeat(500))).toHaveLength(83);
  });

  it("orders by code units, whatever the locale", () => {
    expect(["b", "A", "a", "ä", "Z"].sort(byCodeUnit)).toEqual(["A", "Z", "a", "b", "ä"]);
    expect(byCodeUnit("a", "a")).toBe(0);
  });

  it("says so where an entry is not there", () => {
    expect(nth([4, 5], 1)).toBe(5);
    expect(() => nth([4, 5], 2)).toThrow(RangeError);
    expect(known(new Map([["a", 1]]), "a")).toBe(1);
    expect(() => known(new Map<string, number>(), "a")).toThrow(RangeError);
  });
});
