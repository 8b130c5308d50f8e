// One learning step's text part on a full-size model of seeded random weights: forward, losses, backward, update; and the memory it takes.
// Usage: node packages/training/bench/full-size-step.mjs [--threads 2] [--steps 5] [--activations keep|recompute] [--rows 32] [--folder DIR] [--fresh]
// Needs `npm run build`, and BiomedCLIP's tokenizer files in $BIOVLM_SHARED/tokenizer or ../shared/tokenizer. Weights are made once in --folder.
import { parseArgs } from "node:util";
import { cpuBackend } from "@biovlm/backend-cuda";
import { loadCore, sgdStep } from "@biovlm/core";
import { attributeSentences, attributeSet } from "@biovlm/datasets";
import { scaleOf } from "@biovlm/model";
import { loadModelFolder } from "@biovlm/model/node";
import { encodeSentences } from "@biovlm/model/prompts";
import { RECIPES } from "@biovlm/training";
import {
  initialContext,
  objective,
  promptLearner,
  randomStream,
  renderViews,
  teach,
  teacherSentences,
  viewPixels,
} from "@biovlm/training/loop";
import { fullSizeModel } from "../../../tools/testkit/full-size-model.mjs";

const { values } = parseArgs({
  options: {
    threads: { type: "string", default: "2" },
    steps: { type: "string", default: "5" },
    activations: { type: "string", default: "keep" },
    rows: { type: "string" },
    folder: { type: "string" },
    fresh: { type: "boolean", default: false },
  },
});
const peak = () => `${(process.resourceUsage().maxRSS / 1024 / 1024).toFixed(2)} GiB`;
const model = await loadModelFolder(fullSizeModel(values.folder));
console.log(`model loaded, peak RSS ${peak()}`);
const core = await loadCore({ deterministic: true });
const threads = Number(values.threads);
// --rows holds every run to so many rows of text, however short they are
const encoder = await cpuBackend(values.rows === undefined ? { threads } : { threads, maxBatch: Number(values.rows) }).open(model.graphs);
const set = attributeSet("bloodmnist");
// as MedMNIST names them: one name is many times longer than the others
const LONG = "immature granulocytes(myelocytes, metamyelocytes and promyelocytes)";
const classes = set.classes.map(({ name }) => (name === "immature granulocyte" ? LONG : name));
const sentences = teacherSentences(classes, attributeSentences(set));
const recipe = RECIPES.biovlm;
const [C, D, B, N, M] = [classes.length, 512, recipe.batch, recipe.prompts, sentences[0].length];
const clock = performance.now();
const rows = Array.from({ length: M }, (_, m) => sentences.map((s) => s[m])).flat();
const attributes = (await encodeSentences({ core, encoder, tokenizer: model.tokenizer }, rows)).data;
console.log(`${rows.length} attribute sentences encoded in ${((performance.now() - clock) / 1000).toFixed(1)} s, peak RSS ${peak()}`);
const features = () =>
  core.l2Normalize(
    Float32Array.from({ length: B * D }, () => Math.random() - 0.5),
    B,
    D,
  );
const student = features();
const shape = { B, N, M, C, D };
const scale = scaleOf(model.spec);
const teacher = teach(core, { student, strong: features(), weak: features(), attributes, scale, rho: recipe.rho, shape });
const labels = Int32Array.from({ length: B }, (_, b) => b % C);
const learner = promptLearner({ encoder, model, classes, recipe, activations: values.activations });
const ctx = initialContext(recipe, 1, learner.contextLength);
const velocity = new Float32Array(ctx.length);
const times = [];
const processor = [];
for (let step = 0; step < Number(values.steps) + 1; step++) {
  const marks = [performance.now()];
  const used = process.cpuUsage();
  const { text, tape } = await learner.forward(ctx);
  marks.push(performance.now());
  const { terms, dText } = objective(core, { text, images: student, labels, attributes, teacher, scale, shape }, recipe);
  marks.push(performance.now());
  const gradient = await learner.backward(tape, dText);
  const before = ctx.slice();
  sgdStep(ctx, gradient, velocity, recipe.learningRate, recipe);
  marks.push(performance.now());
  const change = ctx.reduce((most, v, i) => Math.max(most, Math.abs(v - before[i])), 0);
  const [forward, losses, backward] = [1, 2, 3].map((i) => (marks[i] - marks[i - 1]) / 1000);
  const { user, system } = process.cpuUsage(used);
  if (step > 0) times.push(marks[3] - marks[0]);
  if (step > 0) processor.push((user + system) / 1e6);
  console.log(
    `step ${step}: forward ${forward.toFixed(2)} s, losses ${losses.toFixed(3)} s, backward ${backward.toFixed(2)} s, loss ${terms.total.toFixed(6)}, largest change of ctx ${change.toExponential(1)}, peak RSS ${peak()}`,
  );
}
times.sort((a, b) => a - b);
processor.sort((a, b) => a - b);
console.log(
  `median step ${(times[times.length >> 1] / 1000).toFixed(2)} s, ${processor[processor.length >> 1].toFixed(2)} processor s, ${threads} threads, ${values.activations}, ${C} classes × ${N} prompts, peak RSS ${peak()}`,
);
if (values.fresh) await freshViews();
await encoder.close();
model.close();

/** What a step costs beside its text part with new views at every step: three views of each image, rendered and encoded. */
async function freshViews() {
  const size = 600;
  const image = { data: Uint8Array.from({ length: size * size * 3 }, (_, i) => 127 + 100 * Math.sin(i / 37)), width: size, height: size };
  const pixels = viewPixels(model.spec, recipe);
  const length = 3 * pixels.size ** 2;
  const rows = new Float32Array(3 * B * length);
  const start = performance.now();
  for (let b = 0; b < B; b++) {
    const views = renderViews(image, { core, encoder, pixels, recipe, flip: true, seed: 1 }, randomStream(1, "view", 0, b));
    for (const [v, view] of views.entries()) rows.set(view, (v * B + b) * length);
  }
  const rendered = performance.now();
  await encoder.encodeImages(rows, 3 * B);
  const encoded = performance.now();
  const [render, encode] = [rendered - start, encoded - rendered].map((ms) => (ms / 1000).toFixed(2));
  console.log(`fresh views of ${B} images of ${size} × ${size}: rendered in ${render} s, ${3 * B} encoded in ${encode} s`);
}
