"""Reference logits of three baselines that lean on the text, by numpy alone in float64: the Gaussian classifier beside zero-shot scores, CLAP, LP++.

python make_text_anchored.py ../data/text_anchored.json
"""
import json
import sys

import numpy as np

ALPHAS = [0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0]


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def gaussian(f, y, t, s, val, vy, test):
    C, D = t.shape
    n = len(y)
    mu = np.stack([f[y == c].mean(0) for c in range(C)])
    x = f - mu[y]
    cov = x.T @ x / (n - 1)
    P = D * np.linalg.pinv((n - 1) * cov + np.trace(cov) * np.eye(D), hermitian=True)
    score = lambda q, a: s * q @ t.T + a * (q @ (mu @ P).T - 0.5 * np.einsum("cd,de,ce->c", mu, P, mu))
    best, chosen = 0.0, 0.1
    for a in ALPHAS:
        right = np.mean(score(val, a).argmax(1) == vy)
        if right > best:
            best, chosen = right, a
    return chosen, score(test, chosen)


def clap(f, y, t, s, test, epochs=300):
    C = len(t)
    hot = np.eye(C)[y]
    lam = (softmax(s * f @ t.T) * hot).sum(0) / hot.sum(0)
    w, v = t.copy(), np.zeros_like(t)
    for epoch in range(epochs):
        rate = 1e-5 if epoch == 0 else 0.05 * (1 + np.cos(np.pi * epoch / epochs))
        length = np.linalg.norm(w, axis=1, keepdims=True)
        u = w / length
        g = s * (softmax(s * f @ u.T) - hot).T @ f / len(y)
        g = (g - (g * u).sum(1, keepdims=True) * u) / length
        v = 0.9 * v + g + 2 * lam[:, None] * (w - t) / C
        w = w - rate * v
    return s * test @ (w / np.linalg.norm(w, axis=1, keepdims=True)).T


def lp_plus_plus(f, y, t, val, vy, test, steps=300):
    C, n = len(t), len(y)
    hot = np.eye(C)[y]
    ft = f @ t.T
    w, b = hot.T @ f, np.zeros(C)
    alpha = np.full(C, 250 * ((ft * hot).sum(0) / hot.sum(0)).mean())
    rate_w, rate_a = 4 * n / np.linalg.eigvalsh(f.T @ f).max(), n / (4 * (ft**2).sum(0).max())
    vw, vb = np.zeros_like(w), np.zeros(C)
    best, kept = -1.0, None
    for step in range(1, steps + 1):
        r = (softmax(f @ w.T + b + alpha * ft) - hot) / n
        vw, vb = 0.9 * vw + r.T @ f, 0.9 * vb + r.sum(0)
        slope = (r * ft).sum(0)
        w, b = w - rate_w * vw, b - rate_w * vb
        if step % 10 == 0:
            alpha = alpha - rate_a * slope
        right = np.mean((val @ w.T + b + alpha * (val @ t.T)).argmax(1) == vy)
        if right >= best:
            best, kept = right, (step, test @ w.T + b + alpha * (test @ t.T))
    return kept


def main(path):
    rng = np.random.default_rng(11)
    cases = []
    for C, D, shots, noise, s in ((3, 16, 8, 0.35, 20.0), (5, 24, 4, 0.5, 40.0), (2, 12, 16, 0.8, 10.0)):
        centre = rng.normal(size=(C, D))
        unit = lambda x: np.round(x / np.linalg.norm(x, axis=1, keepdims=True), 7).astype(np.float32)
        draw = lambda k: (np.repeat(np.arange(C), k), unit(np.repeat(centre, k, 0) + noise * 2 * rng.normal(size=(C * k, D))))
        t = unit(centre + 1.5 * rng.normal(size=(C, D)))
        (y, f), (vy, val), (_, test) = draw(shots), draw(4), draw(6)
        d = lambda x: x.astype(np.float64)
        alpha, g = gaussian(d(f), y, d(t), s, d(val), vy, d(test))
        step, lp = lp_plus_plus(d(f), y, d(t), d(val), vy, d(test))
        flat = lambda x: [round(float(v), 7) for v in np.asarray(x).ravel()]
        cases.append(
            dict(C=C, D=D, scale=s, labels=y.tolist(), valLabels=vy.tolist(), features=flat(f), text=flat(t), val=flat(val), test=flat(test),
                 alpha=alpha, gaussian=flat(g), clap=flat(clap(d(f), y, d(t), s, d(test))), steps=step, lp=flat(lp))
        )
    json.dump(dict(numpy=np.__version__, cases=cases), open(path, "w"))


main(sys.argv[1])
