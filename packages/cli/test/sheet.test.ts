import { describe, expect, it } from "vitest";
import { escaped, type SheetContent, sheet } from "../src/sheet.js";

const HOSTILE = [
  `"><script>alert(1)</script>`,
  `' onerror='x`,
  "<img src=x onerror=alert(1)>",
  "</style><script>",
  "&lt;b&gt;",
  "javascript:alert(1)",
];

function content(text: string): SheetContent {
  return {
    title: text,
    lead: text,
    facts: [[text, text]],
    methods: [{ name: text, summary: text, accuracy: 0.5, interval: [0.4, 0.6] }],
    tested: 3,
    images: [
      {
        picture: "data:image/png;base64,AAAA",
        caption: text,
        truth: text,
        predictions: [{ class: text, probability: 0.75 }],
        prompts: [{ name: text, entropy: 0.1, kept: true, answer: text, probability: 0.9 }],
      },
    ],
    routing: { kinds: [text], prompts: [text], share: [[0.5]] },
    notes: [text],
  };
}

describe("the sheet", () => {
  it.each(HOSTILE)("shows %s as text, never as markup", (text) => {
    const [page, plain] = [sheet(content(text)), sheet(content("plain"))];
    // The same tags, one by one, as with a harmless text.
    const tags = (html: string) => html.match(/<\/?[a-z][a-z0-9]*/g);
    expect(tags(page)).toEqual(tags(plain));
    expect(page).toContain(escaped(text));
  });

  it("asks nothing of the network and runs nothing", () => {
    const page = sheet(content("plain"));
    expect(page).toContain(`content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"`);
    expect(page).not.toMatch(/https?:|<script|<link|<iframe|url\(|@import/);
  });

  it("says that it is for research only, and marks right and wrong answers", () => {
    const wrong = content("kind");
    const page = sheet({ ...wrong, images: [...wrong.images, { ...wrong.images[0]!, truth: "other" }] });
    expect(page).toContain("Research use only, not a medical device.");
    expect(page).toContain("✓</b> drawn as kind");
    expect(page).toContain("✗</b> drawn as other");
  });
});
