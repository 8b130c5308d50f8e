// Names are matched by name: any order, any spelling of case and separators; anything else is refused with both lists.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { classKey, matchClasses, sameClasses } from "../src/class-matching.js";
import { DatasetError } from "../src/errors.js";

const from = { wantedFrom: "data set toy", givenFrom: "attribute file" };

describe("matchClasses", () => {
  it("finds the same names in any order", () => {
    expect(matchClasses(["a", "b", "c"], ["c", "a", "b"], from)).toEqual([1, 2, 0]);
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}( [a-z]{1,8})?$/), { minLength: 1, maxLength: 12, selector: classKey });
    fc.assert(
      fc.property(
        names.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        ([wanted, given]) => {
          const places = matchClasses(wanted, given, from);
          expect(places.map((place) => given[place])).toEqual(wanted);
        },
      ),
      { seed: 1, numRuns: 200 },
    );
  });

  it("overlooks case, underscores, dashes, spaces and Unicode form", () => {
    expect(
      matchClasses(["Benign_Tumor", "caf\u00e9-au-lait", " normal "], ["normal", "benign tumor", "Cafe\u0301 au  lait"], from),
    ).toEqual([1, 2, 0]);
  });

  it("refuses other names and prints both lists with the remedy", () => {
    expect(() => matchClasses(["benign", "malignant"], ["benign", "cancer"], from)).toThrow(
      /expected those of data set toy \("benign", "malignant"\), got "benign", "cancer"\. .*--rename folder=name/,
    );
    for (const given of [["benign"], ["benign", "malignant", "normal"], []])
      expect(() => matchClasses(["benign", "malignant"], given, from)).toThrow(DatasetError);
  });

  it("refuses two names of one list that read alike", () => {
    expect(() => matchClasses(["a b", "A_B"], ["a b", "c"], from)).toThrow(/"a b" and "A_B"/);
    expect(() => matchClasses(["a", "b"], ["B", "b"], from)).toThrow(/"B" and "b"/);
  });

  it("maps a name that people write in two ways, and refuses to map one that is not there", () => {
    expect(
      matchClasses(["benign", "bcc"], ["basal cell carcinoma", "benign"], { ...from, rename: { BCC: "Basal cell carcinoma" } }),
    ).toEqual([1, 0]);
    expect(() => matchClasses(["a"], ["a"], { ...from, rename: { z: "a" } })).toThrow(
      /rename "z" — expected a class of data set toy \("a"\)/,
    );
  });

  it("shows twenty names of a long list and says how many more there are", () => {
    const many = Array.from({ length: 25 }, (_, i) => `class ${i}`);
    expect(() => matchClasses(many, ["x"], from)).toThrow(/"class 19" and 5 more/);
  });
});

describe("sameClasses", () => {
  it("wants the same order", () => {
    expect(sameClasses(["a b", "c"], ["A_B", "C"])).toBe(true);
    expect(sameClasses(["a", "c"], ["c", "a"])).toBe(false);
    expect(sameClasses(["a"], ["a", "b"])).toBe(false);
  });
});
