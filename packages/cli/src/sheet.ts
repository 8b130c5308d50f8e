// The sheet of `quickstart`: one self-contained HTML page that a person can look at and pass on. No scripts, no outside addresses.
// Everything that is text from outside goes through `escaped`.

import { counted } from "@biovlm/files";

export interface SheetImage {
  /** data: address of a PNG */
  readonly picture: string;
  readonly caption: string;
  readonly truth?: string;
  readonly predictions: readonly { readonly class: string; readonly probability: number }[];
  readonly prompts: readonly {
    readonly name: string;
    readonly entropy: number;
    readonly kept: boolean;
    readonly answer: string;
    readonly probability: number;
  }[];
}

export interface SheetMethod {
  readonly name: string;
  readonly summary: string;
  /** share, 0 to 1 */
  readonly accuracy: number;
  readonly interval?: readonly [number, number];
}

export interface SheetContent {
  readonly title: string;
  readonly lead: string;
  readonly facts: readonly (readonly [string, string])[];
  readonly methods: readonly SheetMethod[];
  readonly tested?: number;
  readonly images: readonly SheetImage[];
  /** kinds × prompts: share of a kind's images that kept the prompt */
  readonly routing?: {
    readonly kinds: readonly string[];
    readonly prompts: readonly string[];
    readonly share: readonly (readonly number[])[];
  };
  readonly notes: readonly string[];
}

/** Text as HTML shows it. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

const percent = (share: number, digits = 1) => `${(share * 100).toFixed(digits)} %`;

const STYLE = `
:root{--ink:#1b2430;--soft:#5d6b7c;--line:#dde3ea;--paper:#fff;--ground:#f5f7fa;--accent:#0b7285;--accent2:#c2e8ee;--good:#2b8a3e;--bad:#c2410c}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebf1;--soft:#98a6b6;--line:#2c3743;--paper:#18202a;--ground:#10161d;--accent:#3bc9db;--accent2:#164e57;--good:#69db7c;--bad:#ff922b}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1080px;margin:0 auto;padding:28px 18px 60px}header p{max-width:46em;color:var(--soft)}h1{font-size:27px;margin:0 0 4px;letter-spacing:-.01em}h2{font-size:18px;margin:38px 0 10px}
.ruo{display:inline-block;border:1px solid var(--line);border-radius:999px;padding:2px 12px;font-size:13px;color:var(--soft);margin-bottom:14px;background:var(--paper)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:14px 0 0;font-size:13.5px}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.card{background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:16px}
.methods{display:grid;gap:10px}.method{display:grid;grid-template-columns:minmax(150px,1.2fr) 2fr 88px;gap:12px;align-items:center}.method b{display:block}.method small{color:var(--soft)}
.track{background:var(--accent2);border-radius:5px;height:14px;position:relative;overflow:hidden}.track i{display:block;background:var(--accent);height:100%;border-radius:5px}.num{text-align:right;font-variant-numeric:tabular-nums}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(330px,1fr));gap:14px}.shot{display:grid;gap:10px}.top{display:grid;grid-template-columns:104px 1fr;gap:12px}.shot img{width:104px;height:104px;border-radius:8px;object-fit:cover;background:#000}
.shot h3{margin:0;font-size:14.5px}.shot .truth{overflow-wrap:anywhere;font-size:12.5px;color:var(--soft);margin:0 0 4px}.right{color:var(--good)}.wrong{color:var(--bad)}.bars{display:grid;gap:3px;font-size:12.5px}.bars>div{display:grid;grid-template-columns:minmax(0,1.6fr) 1fr 54px;gap:6px;align-items:center}.bars .track{height:8px}.bars span:not(.num){white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
details{font-size:12.5px}summary{cursor:pointer;color:var(--accent)}table{border-collapse:collapse;width:100%}td,th{padding:2px 6px;text-align:left;border-bottom:1px solid var(--line);font-weight:normal}tr.off{color:var(--soft)}
.heat{overflow-x:auto}.heat td{border:0;padding:0}.heat th{border:0;font-size:12.5px;white-space:nowrap}.heat th.v{writing-mode:vertical-rl;transform:rotate(180deg);max-height:170px;overflow:hidden;text-overflow:ellipsis;padding:6px 2px;text-align:left}.cell{width:100%;min-width:30px;height:30px;border:1px solid var(--paper);font-size:10.5px;display:grid;place-items:center;border-radius:5px}
footer{margin-top:40px;color:var(--soft);font-size:13px}`;

/** The page. */
export function sheet(content: SheetContent): string {
  const { title, lead, facts, methods, images, routing, notes } = content;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${escaped(title)}</title><style>${STYLE}</style></head><body><main>
<header><h1>${escaped(title)}</h1><span class="ruo">Research use only, not a medical device.</span><p>${escaped(lead)}</p>
<dl>${facts.map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`).join("")}</dl></header>
${methods.length === 0 ? "" : methodSection(methods, content.tested)}
${routing === undefined ? "" : routingSection(routing)}
<h2>Image by image</h2><div class="grid">${images.map(imageCard).join("\n")}</div>
<footer>${notes.map((note) => `<p>${escaped(note)}</p>`).join("")}</footer>
</main></body></html>
`;
}

function methodSection(methods: readonly SheetMethod[], tested: number | undefined): string {
  const rows = methods.map(
    ({ name, summary, accuracy, interval }) =>
      `<div class="method"><div><b>${escaped(name)}</b><small>${escaped(summary)}</small></div><div class="track"><i style="width:${(accuracy * 100).toFixed(1)}%"></i></div><div class="num">${percent(accuracy)}${interval === undefined ? "" : `<br><small>${percent(interval[0], 0)} – ${percent(interval[1], 0)}</small>`}</div></div>`,
  );
  return `<h2>Accuracy${tested === undefined ? "" : ` on ${counted(tested, "image")} not learned from`}</h2><div class="card methods">${rows.join("")}</div>`;
}

function routingSection({ kinds, prompts, share }: NonNullable<SheetContent["routing"]>): string {
  const head = `<tr><th></th>${prompts.map((p) => `<th class="v" title="${escaped(p)}">${escaped(p)}</th>`).join("")}</tr>`;
  const rows = kinds.map((kind, k) => {
    const cells = share[k]!.map((value, p) => {
      const title = `${kind}, ${prompts[p]}: kept for ${percent(value, 0)}`;
      return `<td><div class="cell" title="${escaped(title)}" style="background:color-mix(in srgb,var(--accent) ${Math.round(value * 85)}%,var(--ground))">${value >= 0.005 ? Math.round(value * 100) : ""}</div></td>`;
    });
    return `<tr><th>${escaped(kind)}</th>${cells.join("")}</tr>`;
  });
  return `<h2>Which prompts serve which kind of image</h2><div class="card heat"><table>${head}${rows.join("")}</table><p><small>For each kind, the share of its images (in %) that kept the prompt.</small></p></div>`;
}

function mark(right: boolean): string {
  return right ? '<b class="right" title="right">✓</b>' : '<b class="wrong" title="wrong">✗</b>';
}

function imageCard({ picture, caption, truth, predictions, prompts }: SheetImage): string {
  const bars = predictions
    .slice(0, 4)
    .map(
      (p) =>
        `<div><span title="${escaped(p.class)}">${escaped(p.class)}</span><div class="track"><i style="width:${(p.probability * 100).toFixed(1)}%"></i></div><span class="num">${percent(p.probability)}</span></div>`,
    );
  const rows = prompts.map(
    (p) =>
      `<tr${p.kept ? "" : ' class="off"'}><td>${p.kept ? "●" : "○"}</td><td>${escaped(p.name)}</td><td>${p.entropy.toFixed(3)}</td><td>${escaped(p.answer)} ${percent(p.probability, 0)}</td></tr>`,
  );
  const kept = prompts.filter((p) => p.kept).length;
  return `<div class="card shot"><div class="top"><img src="${escaped(picture)}" alt="${escaped(caption)}"><div><h3>${escaped(predictions[0]?.class ?? "")}</h3><p class="truth">${truth === undefined ? escaped(caption) : `${mark(truth === predictions[0]?.class)} drawn as ${escaped(truth)}`}</p><div class="bars">${bars.join("")}</div></div></div>
<details><summary>${kept} of ${prompts.length} prompts kept</summary><table><tr><th></th><th>prompt</th><th>entropy</th><th>its own answer</th></tr>${rows.join("")}</table></details></div>`;
}
