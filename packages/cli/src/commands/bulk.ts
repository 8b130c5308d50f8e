// `biovlm bulk …`: a job over many images, planned once in a store that its workers share. What hands out shards is a Slurm array, a Kubernetes
// Indexed Job, or one machine's loop.

import { CLASS_OPTIONS } from "../class-options.js";
import { defineCommand, type OptionSpecs } from "../command.js";
import { IMAGE_OPTIONS } from "../image-options.js";
import { PLANNED_OPTIONS, WORKER_OPTIONS } from "../runtime-options.js";

const STORE = { name: "store", description: "folder that all workers share, or s3://bucket/prefix", completes: "folder" } as const;
const JSON_OPTION = { json: { type: "flag", description: "print JSON" } } as const;

export const BULK_PLAN_OPTIONS = {
  output: {
    type: "choice",
    choices: ["embeddings", "answers", "both"],
    description: "what is kept of an image; answers where there are classes, else embeddings, when absent",
  },
  raw: { type: "flag", description: "leave embeddings as the tower gives them" },
  shardRows: { type: "integer", min: 1, max: 65_536, default: 4096, description: "images in a shard; a series is not cut" },
  volumes: {
    type: "flag",
    description: "a row a series (DICOM files of one, in anatomical order) and a row a file of several frames, slices or pages",
  },
  root: {
    type: "text",
    value: "DIR",
    completes: "folder",
    description: "folder that a list's paths are below; the list's own when absent",
  },
  ...CLASS_OPTIONS,
  ...PLANNED_OPTIONS,
  ...IMAGE_OPTIONS,
  ...JSON_OPTION,
} as const satisfies OptionSpecs;

export const bulkPlan = defineCommand({
  name: "bulk plan",
  summary: "cut many images into shards of a job",
  description: [
    "The source is a folder, s3://bucket/prefix, or a list ending in .csv, .jsonl or .ndjson with a path in each row. S3 is reached by the usual variables (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL). What decides a result (model, bank, precision, how images are read) is kept in the job; workers take it from there.",
    "A file is a row: the slices of a series are rows of their own, and a file of several frames or slices is its middle one, or --frame N. With --volumes a series is a row, and so is a file with all of its frames: the mean of the slices' rows and probabilities, as embed and classify give them with --volumes. The plan then reads the header of each file, and counts localisers, images that are there twice and gaps.",
    "Rows of one image are the same for every worker of a named device. With --device auto each worker takes the best it has, and the last bits differ between devices.",
  ],
  aboutImages: true,
  arguments: [{ name: "source", description: "folder with images, s3://bucket/prefix, or a list", completes: "file" }, STORE],
  options: BULK_PLAN_OPTIONS,
  examples: [
    { command: "biovlm bulk plan /images /shared/job --device cpu", shows: "embeddings of a folder" },
    { command: "biovlm bulk plan list.csv /shared/job --bank bank.safetensors --output both", shows: "answers and embeddings of a list" },
    { command: "biovlm bulk plan /archive /shared/job --volumes --bank bank.safetensors", shows: "an answer a series" },
  ],
});

export const BULK_WORK_OPTIONS = {
  shard: { type: "text", value: "N", description: "the shard to work on; what a Slurm array or an Indexed Job says when absent" },
  all: { type: "flag", description: "work on every shard that is not committed" },
  redis: { type: "text", value: "URL", description: "work on what a queue hands out, until it is empty: redis://host:6379" },
  root: { type: "text", value: "DIR|S3", completes: "folder", description: "where the planned source lies for this machine" },
  modelAt: { type: "text", value: "NAME|DIR", completes: "folder", description: "where the planned model lies on this machine" },
  readAhead: { type: "size", min: 1, max: 2 ** 36, default: "256MiB", description: "bytes of images read before their turn" },
  ...WORKER_OPTIONS,
  ...JSON_OPTION,
} as const satisfies OptionSpecs;

export const bulkWork = defineCommand({
  name: "bulk work",
  summary: "embed the shards of a job",
  description: [
    "One shard (--shard, or SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX), or all that are left. What is committed is left alone; what a killed worker had done of a shard is taken from the store.",
    "An image that cannot be read is a row with a code. A shard that cannot be worked on is noted under failed/, and the exit code is not 0, so that what handed it out may try again.",
  ],
  aboutImages: true,
  arguments: [STORE],
  options: BULK_WORK_OPTIONS,
  examples: [
    { command: "biovlm bulk work /shared/job --all", shows: "on one machine, or the same on several" },
    { command: "sbatch --array=0-2441%40 deploy/slurm/bulk.sbatch", shows: "forty at a time in a Slurm array" },
  ],
});

export const BULK_SUBMIT_OPTIONS = {
  redis: { type: "text", value: "URL", description: "the server of the queue: redis://host:6379" },
  attempts: { type: "integer", min: 1, max: 100, default: 3, description: "times a shard is tried before it is given up" },
  ...JSON_OPTION,
} as const satisfies OptionSpecs;

export const bulkSubmit = defineCommand({
  name: "bulk submit",
  summary: "put the shards that are left into a queue on Redis",
  description: [
    "For sites that hand out work with BullMQ on Redis or Valkey; bullmq and ioredis are installed beside this program. `bulk work STORE --redis URL` works on them, on any number of machines.",
    "What the queue loses is submitted again: shards with a commit are not.",
  ],
  arguments: [STORE],
  options: BULK_SUBMIT_OPTIONS,
});

export const BULK_STATUS_OPTIONS = {
  prometheus: {
    type: "text",
    value: "FILE",
    completes: "file",
    description: "write it in Prometheus' text format, for a textfile collector",
  },
  ...JSON_OPTION,
} as const satisfies OptionSpecs;

export const bulkStatus = defineCommand({
  name: "bulk status",
  summary: "say how far a job is",
  arguments: [STORE],
  options: BULK_STATUS_OPTIONS,
});

export const BULK_VERIFY_OPTIONS = JSON_OPTION;

export const bulkVerify = defineCommand({
  name: "bulk verify",
  summary: "hash every plan and every committed part",
  description: ["What is not as it was committed is named; the exit code is then 4."],
  arguments: [STORE],
  options: BULK_VERIFY_OPTIONS,
});

export const BULK_MERGE_OPTIONS = JSON_OPTION;

export const bulkMerge = defineCommand({
  name: "bulk merge",
  summary: "write one manifest of a whole job's parts",
  description: ["manifest.json lists the parts in the order of shards, with digests and counts. Nothing is copied."],
  arguments: [STORE],
  options: BULK_MERGE_OPTIONS,
});

export const BULK_GC_OPTIONS = JSON_OPTION;

export const bulkGc = defineCommand({
  name: "bulk gc",
  summary: "remove what committed shards no longer need",
  description: [
    "Parts of workers that came second, and what was kept of shards while they were worked on. Shards without a commit are left alone.",
    "What killed processes left beside them goes, too: of a plan at once, files half written after a day.",
  ],
  arguments: [STORE],
  options: BULK_GC_OPTIONS,
});
