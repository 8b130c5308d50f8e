// A table of options: defaults, limits, and that the tables of this package are in order.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { filledOptions, IMAGE_OPTIONS, OPENING_OPTIONS, type OptionSchemas, SERVING_LIMITS } from "../src/option-tables.js";

const refused = (what: string) => new Error(what);
const TABLE = {
  count: { type: "integer", minimum: 1, maximum: 9, default: 3, description: "a count" },
  share: { type: "number", minimum: 0, maximum: 1, description: "a share" },
  way: { type: "string", enum: ["left", "right"], default: "left", description: "a way" },
  name: { type: "string", description: "a name" },
  loud: { type: "boolean", default: false, description: "loud" },
} as const satisfies OptionSchemas;

describe("options of a table", () => {
  it("have their defaults, what was given, and nothing else", () => {
    expect(filledOptions(TABLE, {}, refused)).toEqual({ count: 3, way: "left", loud: false });
    const given = { count: 9, share: 0, name: "", loud: undefined, other: 1 };
    expect(filledOptions(TABLE, given, refused)).toEqual({ count: 9, share: 0, way: "left", name: "", loud: false });
  });

  it("are refused by name where a value is out of its limits or of another type", () => {
    const said = (given: object) => {
      try {
        filledOptions(TABLE, given, refused);
      } catch (error) {
        return (error as Error).message;
      }
      return undefined;
    };
    expect(said({ count: 0 })).toBe("count: expected a whole number from 1 to 9, got 0");
    expect(said({ count: 1.5 })).toBe("count: expected a whole number from 1 to 9, got 1.5");
    expect(said({ count: "3" })).toContain("count: expected a whole number");
    expect(said({ share: Number.NaN })).toBe("share: expected a number from 0 to 1, got NaN");
    expect(said({ way: "up" })).toBe("way: expected one of left, right, got up");
    expect(said({ name: 1 })).toBe("name: expected a text, got 1");
    expect(said({ loud: 1 })).toBe("loud: expected true or false, got 1");
    expect(said({ way: "x".repeat(1000) })?.length).toBeLessThan(150);
  });

  it("keep within their limits whatever is given", () => {
    fc.assert(
      fc.property(fc.anything(), (count) => {
        let filled: { readonly count: number };
        try {
          filled = filledOptions(TABLE, { count: count as number }, refused);
        } catch {
          return;
        }
        expect(Number.isInteger(filled.count) && filled.count >= 1 && filled.count <= 9).toBe(true);
      }),
      { numRuns: 500, seed: 1 },
    );
  });
});

describe("the tables of this package", () => {
  const tables: Record<string, OptionSchemas> = { OPENING_OPTIONS, IMAGE_OPTIONS, SERVING_LIMITS };

  it.each(Object.entries(tables))("%s: every default is within its own limits", (_, table) => {
    expect(() => filledOptions(table, {}, refused)).not.toThrow();
  });

  it("say a unit in the name of what is a time or a size", () => {
    for (const table of Object.values(tables)) {
      for (const [name, { description }] of Object.entries(table)) {
        if (/millisecond/.test(description)) expect(name).toMatch(/Ms$/);
        if (/\bbytes\b|file$/.test(description)) expect(name).toMatch(/Bytes$/);
        expect(description).not.toMatch(/\.$/);
      }
    }
  });
});
