// Area under the ROC curve by the rank statistic; macro one-vs-rest over classes, the last column for two classes (MedMNIST's rule).

import { nth } from "@biovlm/files";

/** AUC of scores for positives against negatives; ties count half. NaN when one side is empty. */
function binaryAuc(scores: Float64Array, positive: Uint8Array): number {
  const order = Array.from(scores.keys()).sort((a, b) => nth(scores, a) - nth(scores, b));
  let rankSum = 0;
  let positives = 0;
  for (let i = 0; i < order.length; ) {
    let j = i;
    while (j < order.length && scores[nth(order, j)] === scores[nth(order, i)]) j++;
    const rank = (i + 1 + j) / 2;
    for (let k = i; k < j; k++) {
      if (positive[nth(order, k)]) {
        rankSum += rank;
        positives++;
      }
    }
    i = j;
  }
  const negatives = order.length - positives;
  if (positives === 0 || negatives === 0) return Number.NaN;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/** probabilities [B,C], labels [B]. Classes absent from the labels are left out of the mean. */
export function auc(probabilities: Float32Array, labels: Int32Array, C: number): number {
  const B = labels.length;
  const oneVsRest = (c: number) => {
    const scores = new Float64Array(B);
    const positive = new Uint8Array(B);
    for (let b = 0; b < B; b++) {
      scores[b] = nth(probabilities, b * C + c);
      positive[b] = labels[b] === c ? 1 : 0;
    }
    return binaryAuc(scores, positive);
  };
  if (C === 2) return oneVsRest(1);
  const values = Array.from({ length: C }, (_, c) => oneVsRest(c)).filter((v) => !Number.isNaN(v));
  return values.reduce((a, b) => a + b, 0) / values.length;
}
