// Linear probe: multinomial logistic regression on frozen image embeddings, its L2 strength chosen on validation.
// Same objective as scikit-learn's LogisticRegression: C·Σ NLL + ½‖W‖², the intercept not penalised.

import { f32, f64, i32 } from "@biovlm/core";
import { nth } from "@biovlm/files";
import { accuracyOf, type FeatureSet, type FittedClassifier } from "../feature-set.js";
import { minimise } from "./lbfgs.js";

export interface LogisticModel extends FittedClassifier {
  /** [C,D] and [C] */
  readonly weights: Float64Array;
  readonly intercepts: Float64Array;
}

/** Fits for one inverse regularisation strength. */
export function fitLogistic(train: FeatureSet, C: number, D: number, strength: number): LogisticModel {
  const { features, labels, n } = train;
  const parameters = new Float64Array(C * D + C);
  const loss = (x: Float64Array, gradient: Float64Array) => {
    let value = 0;
    for (let i = 0; i < C * D; i++) {
      value += 0.5 * f64(x, i) * f64(x, i);
      gradient[i] = f64(x, i);
    }
    const z = new Float64Array(C);
    for (let i = 0; i < n; i++) {
      rowLogits(x, features, i, C, D, z);
      const max = Math.max(...z);
      let sum = 0;
      for (let c = 0; c < C; c++) sum += Math.exp(f64(z, c) - max);
      const lse = max + Math.log(sum);
      value += strength * (lse - f64(z, i32(labels, i)));
      for (let c = 0; c < C; c++) {
        const d = strength * (Math.exp(f64(z, c) - lse) - (c === labels[i] ? 1 : 0));
        for (let k = 0; k < D; k++) gradient[c * D + k] = f64(gradient, c * D + k) + d * f32(features, i * D + k);
        gradient[C * D + c] = f64(gradient, C * D + c) + d;
      }
    }
    return value;
  };
  minimise(loss, parameters, { maxIterations: 1000, tolerance: 1e-6 * Math.max(1, strength) });
  return {
    weights: parameters.subarray(0, C * D),
    intercepts: parameters.subarray(C * D),
    logits(x, rows) {
      const out = new Float32Array(rows * C);
      const z = new Float64Array(C);
      for (let i = 0; i < rows; i++) {
        rowLogits(parameters, x, i, C, D, z);
        out.set(z, i * C);
      }
      return out;
    },
  };
}

/** Tries strengths 10⁻³ … 10⁵ and keeps the best on validation (the stronger regularisation at a tie). */
export function linearProbe(
  train: FeatureSet,
  validation: FeatureSet,
  C: number,
  D: number,
): LogisticModel & { readonly strength: number } {
  let best: (LogisticModel & { readonly strength: number }) | undefined;
  let most = Number.NEGATIVE_INFINITY;
  for (let e = -3; e <= 5; e += 0.5) {
    const strength = Number(`1e${Math.floor(e)}`) * (Number.isInteger(e) ? 1 : Math.sqrt(10));
    const model = fitLogistic(train, C, D, strength);
    const accuracy = validation.n === 0 ? 0 : accuracyOf(model.logits(validation.features, validation.n), validation.labels, C);
    if (best === undefined || accuracy > most) {
      best = { ...model, strength };
      most = accuracy;
    }
  }
  return nth([best], 0);
}

function rowLogits(x: Float64Array, features: Float32Array, row: number, C: number, D: number, z: Float64Array): void {
  for (let c = 0; c < C; c++) {
    let sum = f64(x, C * D + c);
    for (let k = 0; k < D; k++) sum += f64(x, c * D + k) * f32(features, row * D + k);
    z[c] = sum;
  }
}
