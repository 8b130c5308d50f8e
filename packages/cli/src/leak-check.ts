// What a command says about images that a data set holds twice: it looks, warns once, and hands on which images to measure without.

import { createHash } from "node:crypto";
import type { Core } from "@biovlm/core";
import type { DatasetItem } from "@biovlm/datasets";
import { type ComparedImagesOptions, comparedImages, findLeaks, type LeakReport, type LeakWarning, leakWarnings } from "@biovlm/evaluation";
import { nth } from "@biovlm/files";
import type { Terminal } from "./terminal.js";

export interface LeakCheck {
  readonly report: LeakReport;
  readonly warnings: readonly LeakWarning[];
  /** ids of val and test images that training has seen in other guise */
  readonly leaked: ReadonlySet<string>;
  /** by id, the ids of images that show the same picture */
  readonly twins: ReadonlyMap<string, ReadonlySet<string>>;
  /** sha256 over side, label and content of every item in order */
  readonly digest: string;
}

/** Looks through items of one data set, each with its side, and warns. Names of images stay out of what is said. */
export async function checkLeaks(
  name: string,
  items: readonly DatasetItem[],
  terminal: Terminal,
  options: Omit<ComparedImagesOptions, "core" | "onProgress"> & { readonly core: Pick<Core, "gemm" | "resizeBox"> },
): Promise<LeakCheck> {
  const bar = terminal.progress(`compare ${name}`, items.length);
  let seen = 0;
  const images = await comparedImages(items, {
    ...options,
    onProgress(done) {
      bar.advance(done - seen);
      seen = done;
    },
  }).finally(() => bar.end());
  const report = await findLeaks(options.core, items, images, options.signal);
  const warnings = leakWarnings(report);
  for (const { message } of warnings) terminal.warn(`${name}: ${message}`);
  const contents = items.map(({ split, label }, i) => `${split ?? ""} ${label} ${nth(images, i).sha256}`);
  const digest = createHash("sha256").update(contents.join("\n")).digest("hex");
  return {
    report,
    warnings,
    digest,
    leaked: new Set([...items.keys()].flatMap((i) => (report.leaked[i] === true ? [nth(items, i).id] : []))),
    twins: twinsById(report, items),
  };
}

function twinsById({ pairs }: LeakReport, items: readonly DatasetItem[]): Map<string, Set<string>> {
  const twins = new Map<string, Set<string>>();
  const add = (of: string, twin: string) => {
    const known = twins.get(of);
    if (known === undefined) twins.set(of, new Set([twin]));
    else known.add(twin);
  };
  for (const { a, b } of pairs) {
    const [one, other] = [nth(items, a).id, nth(items, b).id];
    add(one, other);
    add(other, one);
  }
  return twins;
}
