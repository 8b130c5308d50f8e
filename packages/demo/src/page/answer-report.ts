// All answers as one HTML file to read, print and keep: what was answered, by which model and bank (digests), of which contents (sha256). It
// refers to nothing outside itself and runs no script. A text only; answer-files.ts has the button.

import { wilsonInterval } from "@biovlm/evaluation";
import { counted } from "@biovlm/files";
import type { Answerer, Prepared } from "../engine/protocol.js";
import { type AnswerGrouping, answerCounts } from "./answer-counts.js";
import type { AnswerSource } from "./answer-lists.js";
import { answerRows } from "./answer-rows.js";
import { percent, plainName, probabilityText, visibleText } from "./elements.js";
import { failureWord, type ImageItem } from "./image-item.js";
import { pathOf } from "./labels-csv.js";

export interface ReportChoices {
  readonly grouping: AnswerGrouping;
  /** an image as a data: address; undefined leaves its place empty. Absent: a report without pictures. */
  readonly thumbnail?: (image: ImageItem) => string | undefined;
  /** when it was made, ISO 8601 */
  readonly made: string;
}

/** Classes of an image's row, the most probable first. */
const MOST_CLASSES = 5;

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

const STYLE = `:root{color-scheme:light dark;font:15px/1.45 system-ui,sans-serif}body{margin:1.5rem auto;max-width:1100px;padding:0 1rem}
table{border-collapse:collapse;margin:.6rem 0 1.4rem}th,td{border:1px solid #8888;padding:.25rem .55rem;text-align:start;vertical-align:top;overflow-wrap:anywhere}
td.n{text-align:end;font-variant-numeric:tabular-nums}td.right{outline:2px solid;outline-offset:-3px}.research{border:2px solid;padding:.4rem .7rem;font-weight:700}
code{font-size:.8rem;overflow-wrap:anywhere}img{display:block;width:96px}dt{font-weight:600}dd{margin:0 0 .4rem}thead{display:table-header-group}tr{break-inside:avoid}`;

/** The page of all answers. */
export function answersReport(source: AnswerSource, choices: ReportChoices): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>BioVLM: answers</title><style>${STYLE}</style></head>
<body><main><h1>Answers</h1><p class="research">Research use only, not a medical device</p>
${factsPart(source, choices.made)}
${matrixPart(source, choices.grouping)}
${imagesPart(source, choices)}
</main></body></html>
`;
}

function factsPart({ images, opened, prepared }: AnswerSource, made: string): string {
  const answered = images.filter(({ answer }) => answer !== undefined).length;
  const facts: readonly (readonly [string, string])[] = [
    ["Images", `${images.length}, ${answered} of them answered`],
    ["Model", `${text(opened.model.name)}<br><code>${text(opened.model.digest)}</code>`],
    ...(prepared.answerer === undefined ? [] : [["Answered by", answererText(prepared.answerer)] as const]),
    ...(prepared.answerer?.prevalence === undefined ? [] : [["How common the classes are taken to be", sharesText(prepared)] as const]),
    ["Run on", `${text(opened.device)}, ${text(opened.precision)}`],
    ["Prompt bank", `${text(prepared.recipe)}<br><code>${text(prepared.digest)}</code>`],
    ["Prompts", `${prepared.prompts.length}, of which each image keeps the ${prepared.kept} surest`],
    ["Classes", prepared.classes.map((name) => text(plainName(name))).join("; ")],
    ["Made", text(made)],
  ];
  return `<dl>${facts.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join("")}</dl>`;
}

/** How common each class is taken to be. */
function sharesText({ classes, answerer }: Prepared): string {
  const shares = answerer?.prevalence ?? [];
  return classes.map((name, c) => `${text(plainName(name))} ${Number((shares[c] ?? 0).toPrecision(4))}`).join("; ");
}

function answererText({ host, version, bank }: Answerer): string {
  return `${text(host)}${version === undefined ? "" : `, biovlm ${text(version)}`}, bank ${text(bank)}`;
}

/** What images are said to be against what was answered, with the share that is right and its interval. */
function matrixPart({ images, prepared: { classes } }: AnswerSource, grouping: AnswerGrouping): string {
  const { groups, counts, places, judged, right } = answerCounts(images, grouping, classes);
  if (groups.length === 0) return "";
  const head = ["is ↓ answered →", ...classes.map(plainName)].map((name) => `<th scope="col">${text(name)}</th>`).join("");
  const rows = groups.map((group, r) => {
    const cells = (counts[r] ?? []).map((count, c) => `<td class="${places[r] === c ? "n right" : "n"}">${count}</td>`).join("");
    return `<tr><th scope="row">${text(plainName(group))}</th>${cells}</tr>`;
  });
  const sum = judged === 0 ? `No ${grouping} is called as one of the classes.` : `${shareRight(right, judged)} as their ${grouping} says.`;
  return `<h2>By ${grouping}</h2><p>${sum}</p><table><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

/** "7 of 8 images are answered, 88 % (95 % interval 53 % to 98 %, …)". */
function shareRight(right: number, judged: number): string {
  return `${right} of ${counted(judged, "image is", "images are")} answered, ${percent(right / judged)} (95 % interval ${intervalText(right, judged)}, every image taken for itself),`;
}

/** Wilson's 95 % interval of a count. */
export function intervalText(right: number, n: number): string {
  const { low, high } = wilsonInterval(right, n);
  return `${percent(low)} to ${percent(high)}`;
}

function imagesPart({ images, prepared: { classes }, shown }: AnswerSource, { grouping, thumbnail }: ReportChoices): string {
  const names = [...(thumbnail === undefined ? [] : ["picture"]), "image", grouping, "answer", "probabilities"];
  const rows = answerRows(images, grouping, classes, { by: "image", down: false }).map(({ image, said, answer, wrong }) => {
    const { failure, identity } = image;
    const { frame, window, plane, range, volume } = shown(image);
    const place = [
      ...(frame === undefined ? [] : [`frame ${frame + 1}`]),
      ...(window === undefined ? [] : [`window ${window}`]),
      ...(plane === undefined ? [] : [plane]),
      ...(range === undefined ? [] : [`range ${range}`]),
      ...(volume === undefined ? [] : [`series ${volume.number}, slice ${volume.slice} of ${volume.slices}`]),
    ].join(", ");
    const shares = (image.answer?.predictions ?? []).slice(0, MOST_CLASSES);
    const address = thumbnail?.(image);
    const cells = [
      ...(thumbnail === undefined ? [] : [address === undefined ? "" : `<img src="${text(address, Number.POSITIVE_INFINITY)}" alt="">`]),
      `${text(pathOf(image))}${place === "" ? "" : `<br>${text(place)}`}${identity === undefined ? "" : `<br><code>sha256:${text(identity.hash)}</code>`}`,
      said === undefined ? "–" : text(plainName(said)),
      failure === undefined
        ? `${answer === undefined ? "–" : text(plainName(answer))}${wrong ? " (wrong)" : ""}`
        : `${failureWord(failure)}: ${text(failure.message, 500)}`,
      shares
        .map((p) => `${text(plainName(p.class))} ${probabilityText(p.probability).replace(/[<>]/, (c) => (c === "<" ? "&lt;" : "&gt;"))}`)
        .join("<br>"),
    ];
    return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
  });
  const head = names.map((name) => `<th scope="col">${name}</th>`).join("");
  return `<h2>Images</h2><table><thead><tr>${head}</tr></thead><tbody>${rows.join("\n")}</tbody></table>`;
}

/** Text from outside as markup shows it: hidden and reordering marks replaced, nothing of it a tag. */
function text(raw: string, most = 400): string {
  return visibleText(raw, most).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
