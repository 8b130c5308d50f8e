// Files of a shard: a Parquet table of its rows, with answers where there are classes, and safetensors of the embeddings. Both say what they were
// made with; neither says who made them or when, so that the same work gives the same bytes.

import type { Core } from "@biovlm/core";
import { littleEndian } from "@biovlm/files";
import type { Classification, Classifier, Model } from "@biovlm/model";
import { writeSafetensors } from "@biovlm/model/backbone";
import type { BulkRow } from "./bulk-images.js";
import type { RowOutcome } from "./chunk-bytes.js";

/** A shard's rows, what became of them, and the tower's rows [n,D] of those without a code. */
export interface ShardRows {
  readonly rows: readonly BulkRow[];
  readonly outcomes: readonly RowOutcome[];
  readonly data: Float32Array;
  readonly D: number;
  readonly model: Pick<Model, "name" | "digest">;
  /** rows are means of slices, and say what they answer themselves */
  readonly volumes: boolean;
}

interface PartFile {
  readonly bytes: Uint8Array;
  readonly ending: string;
}

const RESEARCH_USE = "Research use only, not a medical device.";
const MEAN_OF_SLICES = "mean of slices";
/** Rows routed at once: what every prompt says of them is held for a moment. */
const ROUTED_AT_ONCE = 256;

/** `row` I32 [n] place in the shard, `sha256` U8 [n,32] of the files, `embeddings` F32 [n,D]: the rows without a code, in order. @param core L2-normalises */
export function embeddingsFile({ outcomes, data, D, model, volumes }: ShardRows, core: Core | undefined): PartFile {
  const good = outcomes.flatMap(({ code, sha256 }, row) => (code === undefined ? [{ row, sha256: sha256 ?? "" }] : []));
  const values = core === undefined || good.length === 0 ? data : core.l2Normalize(data, good.length, D);
  const bytes = writeSafetensors(
    [
      { name: "embeddings", dtype: "F32", shape: [good.length, D], bytes: () => littleEndian(values) },
      { name: "row", dtype: "I32", shape: [good.length], bytes: () => littleEndian(Int32Array.from(good, ({ row }) => row)) },
      { name: "sha256", dtype: "U8", shape: [good.length, 32], bytes: () => Buffer.from(good.map(({ sha256 }) => sha256).join(""), "hex") },
    ],
    {
      ...{ format: "biovlm-embeddings-part/1", model: model.name, model_digest: model.digest, normalized: String(core !== undefined) },
      ...(volumes ? { rows: MEAN_OF_SLICES } : {}),
    },
  );
  return { bytes, ending: "safetensors" };
}

const leaf = (name: string, type: "INT32" | "FLOAT" | "BYTE_ARRAY", required: boolean) => ({
  name,
  type,
  repetition_type: required ? ("REQUIRED" as const) : ("OPTIONAL" as const),
  ...(type === "BYTE_ARRAY" ? { converted_type: "UTF8" as const } : {}),
});
/** A list that may be absent, of numbers that may not. */
const list = (name: string) => [
  { name, repetition_type: "OPTIONAL" as const, num_children: 1, converted_type: "LIST" as const },
  { name: "list", repetition_type: "REPEATED" as const, num_children: 1 },
  leaf("element", "FLOAT", true),
];

/**
 * Every row of the shard: row, uri, sha256, error. With a classifier prediction, probabilities [C] in the order of the metadata's `classes`, and
 * entropies [N] of every prompt in nats, too. Of volumes `slices`, and entropies only of those of one. What a row has not is null.
 */
export async function answersFile(
  { rows, outcomes, data, D, model, volumes }: ShardRows,
  classifier: Classifier | undefined,
): Promise<PartFile> {
  const { parquetWriteBuffer } = await import("hyparquet-writer");
  const answers =
    classifier === undefined ? [] : volumes ? volumeAnswers(outcomes, classifier.classes) : answersOf(outcomes, data, D, classifier);
  const columns = [
    { fields: [leaf("row", "INT32", true)], data: rows.map((_, row) => row) },
    { fields: [leaf("uri", "BYTE_ARRAY", true)], data: rows.map(({ uri }) => uri) },
    { fields: [leaf("sha256", "BYTE_ARRAY", false)], data: outcomes.map(({ sha256 }) => sha256 ?? null) },
    { fields: [leaf("error", "BYTE_ARRAY", false)], data: outcomes.map(({ code }) => code ?? null) },
    ...(volumes ? [{ fields: [leaf("slices", "INT32", false)], data: outcomes.map(({ volume }) => volume?.slices ?? null) }] : []),
    ...(classifier === undefined
      ? []
      : [
          { fields: [leaf("prediction", "BYTE_ARRAY", false)], data: answers.map((answer) => answer?.prediction ?? null) },
          { fields: list("probabilities"), data: answers.map((answer) => answer?.probabilities ?? null) },
          { fields: list("entropies"), data: answers.map((answer) => answer?.entropies ?? null) },
        ]),
  ];
  const told = {
    format: "biovlm-answers-part/1",
    model: model.name,
    model_digest: model.digest,
    ...(classifier === undefined ? {} : { bank_digest: classifier.bankDigest, classes: JSON.stringify(classifier.classes) }),
    ...(volumes ? { rows: MEAN_OF_SLICES } : {}),
    notice: RESEARCH_USE,
  };
  const bytes = parquetWriteBuffer({
    schema: [{ name: "rows", num_children: columns.length }, ...columns.flatMap(({ fields }) => fields)],
    columnData: columns.map((column) => ({ name: column.fields[0]?.name ?? "", data: column.data })),
    kvMetadata: Object.entries(told).map(([key, value]) => ({ key, value })),
    createdBy: "biovlm",
  });
  return { bytes: new Uint8Array(bytes), ending: "parquet" };
}

interface Answer {
  readonly prediction: string;
  readonly probabilities: readonly number[];
  readonly entropies: readonly number[] | null;
}

/** As `answersOf`, of volumes: what their slices answered together. */
function volumeAnswers(outcomes: readonly RowOutcome[], classes: readonly string[]): readonly (Answer | null)[] {
  return outcomes.map(({ volume }) => {
    const { probabilities, entropies = null } = volume ?? {};
    if (probabilities === undefined) return null;
    // of equal ones the classifier's first
    const best = probabilities.indexOf(probabilities.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY));
    return { prediction: classes[best] ?? "", probabilities, entropies };
  });
}

/** One for each row of the shard, null where it has a code. */
function answersOf(outcomes: readonly RowOutcome[], data: Float32Array, D: number, classifier: Classifier): readonly (Answer | null)[] {
  const answers: Answer[] = [];
  for (let at = 0; at < data.length; at += ROUTED_AT_ONCE * D) {
    const routed = classifier.classifyEmbeddings(data.subarray(at, at + ROUTED_AT_ONCE * D), { explain: true });
    answers.push(...routed.map((answer) => answerOf(answer, classifier.classes)));
  }
  const inOrder = answers.values();
  return outcomes.map(({ code }) => (code === undefined ? (inOrder.next().value ?? null) : null));
}

function answerOf({ predictions, prompts = [] }: Classification, classes: readonly string[]): Answer {
  const byClass = new Map(predictions.map((prediction) => [prediction.class, prediction.probability]));
  return {
    prediction: predictions[0]?.class ?? "",
    probabilities: classes.map((name) => byClass.get(name) ?? 0),
    entropies: prompts.map(({ entropy }) => entropy),
  };
}
