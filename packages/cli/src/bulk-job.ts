// What a bulk job says of its work: a plan's options as facts of job.json, and back again in a worker. The store is shared, so that facts are
// checked like options of a stranger.

import { imageTowers } from "@biovlm/engine";
import { filledOptions, IMAGE_OPTIONS, type ImageOptions, OPENING_OPTIONS } from "@biovlm/engine/options";
import { type Job, type JobFacts, JobsError } from "@biovlm/jobs";
import type { Encoder, Model } from "@biovlm/model";
import { version } from "./version.js";

/** Rows kept at a time while a shard is worked on: what a killed worker loses is half of that. */
const CHUNK_ROWS = 64;

/** Rows of a chunk where a row is a series or a file of many frames: each is cut into batches by itself. */
export const VOLUME_CHUNK_ROWS = 8;

/** What a shard gives. */
export const OUTPUTS = ["embeddings", "answers", "both"] as const;

/** "sha256:HEX" → "HEX", as it stands in keys of the store. */
export const bareDigest = (digest: string): string => digest.replace(/^sha256:/, "");

/** What decides a row of a job. */
export interface BulkWork {
  readonly model: string;
  readonly modelDigest: string;
  readonly device: (typeof OPENING_OPTIONS.device.enum)[number];
  readonly precision: (typeof OPENING_OPTIONS.precision.enum)[number];
  /** in int8, what computes image embeddings on the processor: "onnxruntime", or the bits of another image tower (ImageTowers of model) */
  readonly imageTower?: string;
  readonly files: ImageOptions;
  readonly output: (typeof OUTPUTS)[number];
  readonly raw: boolean;
  /** a row is all frames of all its files */
  readonly volumes: boolean;
  /** sha256 of the bank's file in the store; without one there are no answers */
  readonly bank?: string;
  readonly chunkRows: number;
}

/** Whole batches, so that a chunk is cut where a batch is. */
export const chunkRowsFor = (batch: number): number => Math.ceil(CHUNK_ROWS / batch) * batch;

/** The image tower of whoever has no other. */
const RUNTIME = "onnxruntime";

export const bankKey = (sha256: string): string => `bank/${sha256}.safetensors`;

/** Facts of a job; the program's version is one, since another may give other bits. */
export function factsOf({ files, bank, volumes, imageTower, ...work }: BulkWork): JobFacts {
  const some = {
    ...(volumes ? { volumes } : {}),
    ...(bank === undefined ? {} : { bank }),
    ...(imageTower === undefined ? {} : { imageTower }),
  };
  return { ...work, ...files, ...some, version: version() };
}

/** What computes image embeddings in int8 on the processor of whoever plans: its workers' must be the same. */
export async function plannedImageTower(
  { device, precision }: Pick<BulkWork, "device" | "precision">,
  { graphs }: Pick<Model, "graphs">,
): Promise<Pick<BulkWork, "imageTower">> {
  if (precision !== "int8" || !(device === "auto" || device === "cpu")) return {};
  const { towers } = await imageTowers({ precision, deterministic: false });
  return { imageTower: graphs.imageWeights === undefined ? RUNTIME : (towers?.bits ?? RUNTIME) };
}

/** How a worker opens its image tower: a job that does not say was planned for the runtime's. */
export const openedImageTower = ({ imageTower = RUNTIME }: BulkWork): "native" | "onnxruntime" =>
  imageTower === RUNTIME ? "onnxruntime" : "native";

/**
 * A worker's encoder gives the rows that the job promises; devices are not compared.
 * @param told what the encoder says that computes its images
 * @throws JobsError `job_differs` for another image tower in int8
 */
export function checkImageTower({ imageTower = RUNTIME }: BulkWork, { capabilities }: Pick<Encoder, "capabilities">, told = RUNTIME): void {
  const { device, precision, imageTower: own } = capabilities;
  if (precision !== "int8" || device !== "cpu" || (own?.bits ?? RUNTIME) === imageTower) return;
  throw new JobsError(
    "job_differs",
    `int8 image tower — expected ${imageTower} as planned, got ${told}. Work on machines that have it, or plan with BIOVLM_NATIVE=off: onnxruntime's works everywhere.`,
  );
}

/**
 * What a job's workers do.
 * @throws JobsError `integrity` for facts that are none, `job_differs` for a job of another version of this program
 */
export function workOf({ facts }: Job): BulkWork {
  const torn = (what: string) => new JobsError("integrity", `job.json — ${what}. Plan into a new store.`);
  if (facts["version"] !== version())
    throw new JobsError(
      "job_differs",
      `version — expected ${version()}, got a job of ${facts["version"]}. Work with the program that planned it.`,
    );
  const { model, device, precision } = filledOptions(OPENING_OPTIONS, { ...facts, threads: undefined }, torn);
  const files = filledOptions(IMAGE_OPTIONS, facts, torn);
  const { modelDigest, output, raw, bank, chunkRows, volumes = false, imageTower } = facts;
  const known = OUTPUTS.find((name) => name === output);
  if (typeof modelDigest !== "string" || known === undefined || typeof raw !== "boolean" || typeof chunkRows !== "number")
    throw torn("expected modelDigest, output, raw and chunkRows, got something else");
  if (typeof volumes !== "boolean") throw torn("expected volumes to be true or false, got something else");
  if (bank !== undefined && !(typeof bank === "string" && /^[0-9a-f]{64}$/.test(bank)))
    throw torn("expected a bank's sha256, got something else");
  if (imageTower !== undefined && typeof imageTower !== "string") throw torn("expected an image tower's name, got something else");
  if ((known === "embeddings") !== (bank === undefined)) throw torn("expected a bank where there are answers, got the contrary");
  const some = { ...(bank === undefined ? {} : { bank }), ...(imageTower === undefined ? {} : { imageTower }) };
  return { model, modelDigest, device, precision, files, output: known, raw, volumes, chunkRows, ...some };
}
