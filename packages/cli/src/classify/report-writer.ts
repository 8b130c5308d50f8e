// Structured reports of answers (TID 1500), one for each DICOM image: into a folder, into an archive, or both. The header that a report repeats
// is kept from the opening of its image until the report is written, and goes nowhere else.

import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { CodedConcept, ImageAnswer, ReportAuthor, SourceImage } from "@biovlm/dicomweb";
import type { ImageSource } from "@biovlm/engine";
import { sweepTemporaries, writeFileAtomic } from "@biovlm/files/node";
import { reportError } from "../errors.js";

/** Where reports go, and what stands in them beside the answers. */
export interface ReportPlaces {
  /** folder as the user wrote it */
  readonly folder: string | undefined;
  readonly store: ((file: Uint8Array) => Promise<void>) | undefined;
  readonly cwd: string;
}

/** An answer as a report tells it. */
export interface ToldAnswer {
  /** counted from 1; absent for the whole image */
  readonly frame?: number;
  readonly predictions: readonly { readonly class: string; readonly probability: number }[];
}

/** What became of a report. */
export type Report =
  | { readonly file?: string; readonly stored?: true }
  | { readonly error: { readonly code: string; readonly message: string } };

/** Reports of the answers of one call. */
export class ReportWriter {
  private readonly places: ReportPlaces;
  private readonly headers = new Map<ImageSource, SourceImage | Error>();

  constructor(places: ReportPlaces) {
    this.places = places;
  }

  /** Makes the folder, so that a call that cannot write there ends before it has answered anything. */
  async prepare(): Promise<void> {
    const { folder, cwd } = this.places;
    if (folder === undefined) return;
    await mkdir(resolve(cwd, folder), { recursive: true });
    await sweepTemporaries(resolve(cwd, folder));
  }

  /** The source, whose header is read when it is opened. */
  watched(source: ImageSource): ImageSource {
    const watching: ImageSource = {
      name: source.name,
      open: async () => {
        const { readSourceImage } = await import("@biovlm/dicomweb");
        const content = await source.open();
        if (content.kind !== "file") return content;
        try {
          this.headers.set(watching, readSourceImage(content.bytes));
        } catch (error) {
          this.headers.set(watching, error as Error);
        }
        return content;
      },
    };
    return watching;
  }

  /** Forgets what was kept of a source that has no answer. */
  forget(source: ImageSource): void {
    this.headers.delete(source);
  }

  /** Writes and stores the report of one image. Never throws but for an abort. */
  async write(
    source: ImageSource,
    answers: readonly ToldAnswer[],
    author: ReportAuthor,
    codes: ReadonlyMap<string, CodedConcept>,
    signal: AbortSignal,
  ): Promise<Report> {
    const { folder, store, cwd } = this.places;
    const header = this.headers.get(source);
    this.headers.delete(source);
    try {
      if (header === undefined || header instanceof Error) throw header ?? new Error("no header was read");
      const { structuredReport } = await import("@biovlm/dicomweb");
      const told = answers.map(
        ({ frame, predictions }): ImageAnswer => ({
          source: header,
          frame,
          classes: predictions.map(({ class: name, probability }) => ({ name, probability, code: codes.get(name) })),
        }),
      );
      const { bytes, sopInstance } = structuredReport(told, author, new Date());
      const file = folder === undefined ? undefined : join(folder, `${sopInstance}.dcm`);
      if (file !== undefined) await writeFileAtomic(resolve(cwd, file), bytes, { signal });
      await store?.(bytes);
      return { ...(file !== undefined && { file }), ...(store !== undefined && { stored: true as const }) };
    } catch (error) {
      signal.throwIfAborted();
      const { code, message } = reportError(error);
      return { error: { code, message } };
    }
  }
}
