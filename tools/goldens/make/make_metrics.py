# Golden values of classification metrics, from scikit-learn.
# Usage: python make_metrics.py ../data/metrics.json   (scikit-learn, numpy)
import json, sys
import numpy as np, sklearn
from sklearn import metrics as M
rng = np.random.default_rng(7)
cases = []
for C, B in ((2, 60), (3, 97), (5, 200), (8, 400)):
    z = (rng.normal(size=(B, C)) * 1.7).astype(np.float32)
    y = rng.integers(0, C, B)
    z[np.arange(B), y] += rng.normal(size=B).astype(np.float32)
    z[: B // 5] = np.round(z[: B // 5])                       # ties
    p = np.exp(z.astype(np.float64)); p = (p / p.sum(1, keepdims=True)).astype(np.float32)
    pred = p.argmax(1)
    q = p.astype(np.float64) / p.astype(np.float64).sum(1, keepdims=True)
    auc = M.roc_auc_score(y, q[:, 1]) if C == 2 else M.roc_auc_score(y, q, multi_class='ovr', average='macro')
    cases.append(dict(C=C, logits=z.ravel().tolist(), probabilities=p.ravel().tolist(), labels=y.tolist(),
        accuracy=M.accuracy_score(y, pred), balanced=M.balanced_accuracy_score(y, pred), f1=M.f1_score(y, pred, average='macro'),
        recall=M.recall_score(y, pred, average=None, labels=list(range(C)), zero_division=0).tolist(),
        confusion=M.confusion_matrix(y, pred, labels=list(range(C))).tolist(), auc=float(auc),
        nll=M.log_loss(y, q, labels=list(range(C))),
        brier=float(((q - np.eye(C)[y]) ** 2).sum(1).mean())))
json.dump(dict(sklearn=sklearn.__version__, numpy=np.__version__, cases=cases), open(sys.argv[1], 'w'))
