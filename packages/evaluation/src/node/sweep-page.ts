// A sweep as one HTML page that a person can look at and pass on: lines over shots where there are several, then the tables of the Markdown
// report. No scripts, no outside addresses; everything that is text goes through `escaped`.

import { type Cell, rowsOf, type Setting } from "../results.js";
import { shotsDiagram } from "./shots-diagram.js";

const TITLES: Readonly<Record<Setting, string>> = {
  "few-shot": "Few-shot: balanced accuracy over shots",
  "base-to-new": "Base-to-new: harmonic mean of balanced accuracy over shots",
  "cross-dataset": "Cross-dataset: balanced accuracy on the target over shots",
};

const STYLE =
  "body{margin:0 auto;max-width:1080px;padding:24px 18px 60px;font:15px/1.5 system-ui,sans-serif;color:#1b2430;background:#fff}table{border-collapse:collapse;margin:8px 0}td,th{border-bottom:1px solid #dde3ea;padding:3px 10px;text-align:right;font-variant-numeric:tabular-nums}td:first-child,th:first-child{text-align:left}h3{margin:30px 0 6px;font-size:17px}h4{margin:24px 0 6px;font-size:15px}.wide{overflow-x:auto}svg{max-width:100%;height:auto}";

/**
 * The page. @param report the Markdown of `markdownReport`, and what else stands below it, in its form: headings, tables, paragraphs
 */
export async function sweepPage(cells: readonly Cell[], report: string): Promise<string> {
  const rows = rowsOf(cells);
  const pictures: string[] = [];
  for (const setting of Object.keys(TITLES) as Setting[]) {
    const svg = await shotsDiagram(
      TITLES[setting],
      rows.filter((r) => r.setting === setting && r.caveat === undefined),
    );
    if (svg !== undefined) pictures.push(`<figure class="wide">${svg}</figure>`);
  }
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>biovlm sweep</title><style>${STYLE}</style></head><body>
${[...pictures, ...blocks(report)].join("\n")}
</body></html>
`;
}

/** Markdown of our own making → HTML: what stands between empty lines is a heading, a table or a paragraph. */
function blocks(report: string): string[] {
  return report
    .trim()
    .split(/\n{2,}/)
    .map((block) => {
      const heading = /^(#{3,4}) (.*)$/.exec(block);
      if (heading?.[1] !== undefined) return `<h${heading[1].length}>${escaped(heading[2] ?? "")}</h${heading[1].length}>`;
      return block.startsWith("|") ? table(block) : `<p>${escaped(block.replaceAll(/^\\/gm, ""))}</p>`;
    });
}

function table(block: string): string {
  const rows = block
    .split("\n")
    .filter((line) => !/^\|[-|]+$/.test(line))
    .map((line) => line.replace(/^\| | \|$/g, "").split(" | "));
  const cells = (row: readonly string[], tag: "td" | "th") => `<tr>${row.map((text) => `<${tag}>${escaped(text)}</${tag}>`).join("")}</tr>`;
  return `<div class="wide"><table>${rows.map((row, i) => cells(row, i === 0 ? "th" : "td")).join("")}</table></div>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
