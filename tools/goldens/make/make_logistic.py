# Golden probabilities of scikit-learn's multinomial logistic regression on seeded features.
# Usage: python make_logistic.py ../data/logistic.json   (scikit-learn, numpy)
import json, sys
import numpy as np, sklearn
from sklearn.linear_model import LogisticRegression
rng = np.random.default_rng(3)
out = []
for n, C, D, strength in ((40, 3, 16, 1.0), (64, 4, 24, 31.6), (30, 2, 8, 0.1)):
    x = rng.normal(size=(n, D)); x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    y = np.arange(n) % C; x[np.arange(n), y] += 0.3
    t = rng.normal(size=(20, D)).astype(np.float32)
    m = LogisticRegression(C=strength, max_iter=5000, tol=1e-10).fit(x.astype(np.float64), y)
    p = m.predict_proba(t.astype(np.float64))
    out.append(dict(n=n, C=C, D=D, strength=strength, x=x.ravel().tolist(), y=y.tolist(), test=t.ravel().tolist(), p=p.ravel().tolist()))
json.dump(dict(sklearn=sklearn.__version__, cases=out), open(sys.argv[1], 'w'))
