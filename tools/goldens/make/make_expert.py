"""Reference values of the Gaussian expert and of the mixture's cross-validated weights, by numpy alone (float64, pseudo-inverse).

python make_expert.py ../data/expert.json: fills in the outputs of the cases that the file names by seed, sizes and folds. Folds come
from the project's own seeded stream (foldOf), everything else is computed here.
"""
import json
import sys

import numpy as np

TEXT, EXPERT = [0.2, 0.5, 1.0], [0.0, 0.03, 0.1, 0.3, 1.0, 3.0]


def expert(x, y, C, kappa):
    n, D = x.shape
    mu = np.stack([x[y == c].mean(0) for c in range(C)])
    centred = x - mu[y]
    sigma = centred.T @ centred / (n - 1)
    P = D * np.sqrt(kappa) * np.linalg.pinv((n - 1) * sigma + kappa * np.trace(sigma) * np.eye(D), hermitian=True)
    W = mu @ P
    return W, -0.5 * np.einsum("cd,cd->c", W, mu)


def nll(z, y):
    z = z - z.max(1, keepdims=True)
    return float(np.mean(np.log(np.exp(z).sum(1)) - z[np.arange(len(y)), y]))


def departure(z, text):
    """Mean cross-entropy of softmax(z) to softmax(text)."""
    p = np.exp(text - text.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    z = z - z.max(1, keepdims=True)
    return float(np.mean(-(p * (z - np.log(np.exp(z).sum(1, keepdims=True)))).sum(1)))


def main(path):
    cases = json.load(open(path))
    for case in cases:
        rng = np.random.default_rng(case["seed"])
        C, D, y = case["C"], case["D"], np.array(case["labels"])
        centre = rng.normal(size=(C, D))
        x = centre[y] + case["spread"] * rng.normal(size=(len(y), D))
        x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
        text = (case["sharp"] * (x @ (centre + rng.normal(size=(C, D))).T)).astype(np.float32)
        case["features"] = [round(float(v), 9) for v in x.ravel()]
        case["text"] = [round(float(v), 9) for v in text.ravel()]
        x = np.array(case["features"], dtype=np.float32).reshape(x.shape).astype(np.float64)
        text = np.array(case["text"], dtype=np.float32).reshape(text.shape).astype(np.float64)
        W, b = expert(x, y, C, case["shrinkage"])
        case["W"], case["b"] = W.ravel().tolist(), b.tolist()
        fold = np.array(case["fold"])
        g = np.zeros((len(y), C))
        for k in range(fold.max() + 1):
            W, b = expert(x[fold != k], y[fold != k], C, case["shrinkage"])
            g[fold == k] = x[fold == k] @ W.T + b
        grid = [(a, w) for a in TEXT for w in EXPERT]
        prior = case["sentenceLabels"] * C / len(y)
        scores = [(nll(a * text + w * g, y) + prior * departure(a * text + w * g, text), i) for i, (a, w) in enumerate(grid)]
        case["a"], case["w"] = grid[min(scores)[1]]
        case["nll"] = nll(case["a"] * text + case["w"] * g, y)
    json.dump(cases, open(path, "w"))


main(sys.argv[1])
