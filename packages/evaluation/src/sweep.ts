// Many tasks: data sets × shots × seeds × methods in one setting, each cell kept as it ends, so that a stopped sweep goes on where it was.

import { known, parseStrictJson } from "@biovlm/files";
import type { LearnContext } from "@biovlm/training";
import type { KeyedBytes } from "@biovlm/training/loop";
import { runDigest } from "@biovlm/training/loop";
import { EvaluationError } from "./errors.js";
import { groupNumbers } from "./evaluate.js";
import { baseToNewTask, crossDatasetTask, fewShotTask, type Task, type TaskSource, type TestOn } from "./few-shot-task.js";
import type { Method } from "./methods.js";
import { type Cell, type Setting, storedEvaluation } from "./results.js";
import { type MethodResult, runTask, type TaskRunOptions } from "./task-run.js";

/** What a sweep runs: every data set × shots × seed × method of one setting. */
export interface SweepPlan {
  readonly setting: Setting;
  readonly datasets: readonly string[];
  /** cross-dataset: the sets tested on; all of `datasets` but the source where absent */
  readonly targets?: readonly string[];
  readonly shots: readonly number[];
  readonly seeds: readonly number[];
  readonly methods: readonly Method[];
  /** Default "test" */
  readonly testOn?: TestOn;
}

/** Where a sweep's data sets come from, where its cells are kept, and who is told. */
export interface SweepOptions extends TaskRunOptions {
  /** opens a data set by name; opened once */
  readonly open: (name: string) => Promise<TaskSource>;
  /** how images are read, where that is not the usual way: it decides a cell */
  readonly shown?: string | undefined;
  /** where cells are kept, under `cells/<digest of what decides them>` */
  readonly cells: KeyedBytes;
  readonly onCell?: (cell: Cell, place: { readonly done: number; readonly total: number; readonly resumed: boolean }) => void;
  /** a pair of data sets that share images, left out */
  readonly onRefused?: (reason: string) => void;
}

/** Runs what is not yet there and gives all cells, in the order data set, shots, seed, method. */
export async function sweep(context: LearnContext, plan: SweepPlan, options: SweepOptions): Promise<Cell[]> {
  for (const [name, list] of Object.entries({ datasets: plan.datasets, shots: plan.shots, seeds: plan.seeds, methods: plan.methods })) {
    if (list.length === 0) throw new EvaluationError("bad_option", `sweep ${name} — expected at least one, got none. Name some.`);
  }
  const open = openedOnce(options.open);
  const tasks = await planned(plan, open, options.onRefused);
  const methodsOf = (task: Task) => plan.methods.filter((m) => m.openSet || task.setting === "few-shot");
  const total = tasks.reduce((sum, task) => sum + methodsOf(task).length, 0);
  const cells: Cell[] = [];
  for (const task of tasks) {
    const missing: Method[] = [];
    const keys = new Map<string, string>();
    const found = new Map<string, Cell>();
    for (const method of methodsOf(task)) {
      const key = `cells/${await cellDigest(context, task, method, plan, options)}`;
      keys.set(method.name, key);
      const cell = readCell(await options.cells.get(key));
      if (cell === undefined) missing.push(method);
      else {
        found.set(method.name, cell);
        options.onCell?.(cell, { done: cells.length + found.size, total, resumed: true });
      }
    }
    for await (const result of runTask(context, task, missing, options)) {
      const { test, base, new: unseen } = result.evaluations;
      const cell: Cell = {
        format: "biovlm-cell/2",
        setting: task.setting,
        dataset: task.dataset,
        ...(task.source === undefined ? {} : { source: task.source }),
        shots: task.shots,
        seed: task.seed,
        method: result.method,
        ...(test === undefined ? {} : { test: storedEvaluation(test) }),
        ...(base === undefined ? {} : { base: storedEvaluation(base) }),
        ...(unseen === undefined ? {} : { new: storedEvaluation(unseen) }),
        ...(task.tests.some((t) => t.leaked.length > 0) ? { withoutTwins: storedAll(result.withoutTwins) } : {}),
        ...placesOf(task),
        ...(task.caveat === undefined ? {} : { caveat: task.caveat }),
        seconds: Math.round(result.seconds * 1000) / 1000,
        model: context.model.digest,
        device: context.encoder.capabilities.device,
      };
      await options.cells.put(known(keys, result.method), new TextEncoder().encode(JSON.stringify(cell)));
      found.set(result.method, cell);
      options.onCell?.(cell, { done: cells.length + found.size, total, resumed: false });
    }
    for (const method of methodsOf(task)) cells.push(known(found, method.name));
  }
  return cells;
}

/** Opens each data set once. Rows, cells and comparisons go by a set's own name, so two sets of one name are refused before anything runs. */
function openedOnce(open: SweepOptions["open"]): SweepOptions["open"] {
  const sources = new Map<string, Promise<TaskSource>>();
  const askedAs = new Map<string, string>();
  const opened = async (asked: string): Promise<TaskSource> => {
    const source = await open(asked);
    const { name } = source.dataset;
    const other = askedAs.get(name) ?? asked;
    askedAs.set(name, other);
    if (other === asked) return source;
    throw new EvaluationError(
      "bad_option",
      `data sets ${other} and ${asked} — expected names of their own, got ${JSON.stringify(name)} for both. Rename one of the folders or lists.`,
    );
  };
  return (asked) => {
    const source = sources.get(asked) ?? opened(asked);
    sources.set(asked, source);
    return source;
  };
}

/** Where the tested images stand among those of any seed, where seeds are tested on different ones. */
function placesOf({ tests }: Task): Pick<Cell, "places"> {
  const places = tests.map(({ among }) => among?.places);
  return places.every((own) => own !== undefined) ? { places } : {};
}

function storedAll(evaluations: MethodResult["withoutTwins"]): NonNullable<Cell["withoutTwins"]> {
  return Object.fromEntries(Object.entries(evaluations).map(([name, evaluation]) => [name, storedEvaluation(evaluation)]));
}

async function planned(
  plan: SweepPlan,
  open: (name: string) => Promise<TaskSource>,
  onRefused: SweepOptions["onRefused"],
): Promise<Task[]> {
  const tasks: Task[] = [];
  for (const name of plan.datasets) {
    const targets = plan.setting === "cross-dataset" ? (plan.targets ?? plan.datasets).filter((t) => t !== name) : [name];
    for (const shots of plan.shots) {
      for (const seed of plan.seeds) {
        const options = { shots, seed, testOn: plan.testOn };
        for (const target of targets) {
          if (plan.setting === "few-shot") tasks.push(fewShotTask(await open(name), options));
          else if (plan.setting === "base-to-new") tasks.push(baseToNewTask(await open(name), options));
          else {
            try {
              tasks.push(crossDatasetTask(await open(name), await open(target), options));
            } catch (error) {
              if ((error as { code?: unknown }).code !== "refused_pair" || onRefused === undefined) throw error;
              if (shots === plan.shots[0] && seed === plan.seeds[0]) onRefused((error as Error).message);
            }
          }
        }
      }
    }
  }
  return tasks;
}

/** Everything that decides a cell's figures. */
function cellDigest(
  { model, encoder, core }: LearnContext,
  task: Task,
  method: Method,
  plan: SweepPlan,
  options: SweepOptions,
): Promise<string> {
  const { device, precision } = encoder.capabilities;
  return runDigest({
    setting: task.setting,
    dataset: task.dataset,
    source: task.source ?? "",
    learn: task.learn.items.map((i) => i.id),
    validation: task.validation.map((i) => i.id),
    classes: [task.learn.classes, ...task.tests.map((t) => t.side.classes)],
    sentences: [task.learn.sentences ?? [], ...task.tests.map((t) => t.side.sentences ?? [])],
    tested: task.tests.map((t) => t.side.items.length),
    groups: task.tests.map((t) => groupNumbers(t.side.items) ?? []),
    ...placesOf(task),
    ...(task.tests.some((t) => t.leaked.length > 0) ? { leaked: task.tests.map((t) => t.leaked) } : {}),
    ...(task.contents.length === 0 ? {} : { contents: task.contents }),
    seed: task.seed,
    shots: task.shots,
    testOn: plan.testOn ?? "test",
    method: method.name,
    recipe: method.recipe ?? {},
    rho: method.rho ?? 1,
    views: options.views,
    ...(options.volumes === true ? { volumes: true } : {}),
    ...(options.shown === undefined ? {} : { shown: options.shown }),
    model: model.digest,
    encoder: { device, precision },
    core: core.info.build,
  });
}

/** A stored cell, or undefined where there is none or its bytes are not one. */
function readCell(bytes: Uint8Array | undefined): Cell | undefined {
  if (bytes === undefined) return undefined;
  try {
    const cell = parseStrictJson(new TextDecoder().decode(bytes), "cell of a sweep") as unknown as Cell;
    return cell.format === "biovlm-cell/2" ? cell : undefined;
  } catch {
    return undefined;
  }
}
