// What a promise of the kernel suite is, what it is held to, and how a property is run: many seeded cases, one verdict.
// A promise fails by throwing, so that it runs in any test runner and in a page without one.

import type { KernelName, Kernels } from "../kernels.js";
import { type Seeded, seeded } from "./seeded.js";

/** The kernels under test. */
export interface KernelSubject {
  /** promises about kernels that are absent are not run */
  readonly kernels: Partial<Kernels>;
  /** random cases for each promise; 100 000 is what the builds of core are held to */
  readonly cases: number;
  /** What went wrong beside the result, asked after every case: an overwritten canary, say. */
  readonly fault?: () => string | undefined;
}

/** One property of some kernels, told in its title. `run` throws when it does not hold. */
export interface KernelPromise {
  readonly title: string;
  readonly needs: readonly KernelName[];
  run(subject: KernelSubject): void;
}

/** One random case: undefined when all is well, else what is wrong. */
type Case = (random: Seeded, kernels: Kernels) => string | undefined;

/** A promise over `cases` seeded cases, or a share of them; a failing case names its number, so that it can be repeated. */
export function property(title: string, needs: readonly KernelName[], seed: number, one: Case, share = 1): KernelPromise {
  return {
    title,
    needs,
    run({ kernels, cases, fault }) {
      const failures: string[] = [];
      for (let i = 0; i < cases * share && failures.length < 3; i++) {
        const wrong = one(seeded(seed * 1_000_003 + i), present(kernels, needs)) ?? fault?.();
        if (wrong !== undefined) failures.push(`case ${i}: ${wrong}`);
      }
      if (failures.length > 0) throw new Error(`the kernels break their contract, ${title} — ${failures.join("; ")}`);
    },
  };
}

/** The kernels that a promise needs; asking for another throws. */
function present(kernels: Partial<Kernels>, needs: readonly KernelName[]): Kernels {
  const absent = needs.find((name) => kernels[name] === undefined);
  if (absent !== undefined) throw new Error(`kernel ${absent} — expected it for this promise, got none.`);
  return kernels as Kernels;
}

/** A sentence when the worst excess over a tolerance is more than 1. */
export function within(what: string, worst: number): string | undefined {
  return worst <= 1 ? undefined : `${what} is ${worst.toPrecision(3)} × its tolerance off`;
}

/** Where both sides must refuse, or both accept. */
export function verdicts(ours: boolean, theirs: boolean, poisoned: boolean): string | undefined {
  if (ours !== theirs) return `accepted ${ours}, the reference ${theirs}`;
  return poisoned && ours ? "a number that is not finite was accepted" : undefined;
}
