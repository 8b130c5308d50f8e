"""Exact p-values of the sign-flip test and Holm's correction, by numpy alone: the distribution of the flipped sum is a convolution, not a draw.

python make_sign_flip.py ../data/sign_flip.json   (numpy)
"""
import json
import sys

import numpy as np


def exact(units):
    """Two-sided p that a sum of whole numbers with random signs is as far from 0 as the sum itself."""
    reach = int(np.abs(units).sum())
    ways = np.zeros(2 * reach + 1)
    ways[reach] = 1.0
    for u in np.abs(units):
        if u:
            ways = 0.5 * (np.roll(ways, u) + np.roll(ways, -u))
    far = abs(int(units.sum()))
    return float(ways[np.abs(np.arange(-reach, reach + 1)) >= far].sum())


def holm(p):
    order = np.argsort(p, kind="stable")
    adjusted = np.minimum(1, np.maximum.accumulate(np.asarray(p)[order] * (len(p) - np.arange(len(p)))))
    out = np.empty(len(p))
    out[order] = adjusted
    return out.tolist()


def case(rng, images, seeds, groups, share_a, share_b):
    hard = rng.random(images)
    a = (rng.random((seeds, images)) * 0.4 + hard * 0.6 < share_a).astype(int)
    b = (rng.random((seeds, images)) * 0.4 + hard * 0.6 < share_b).astype(int)
    group = rng.integers(0, groups, images) if groups else np.arange(images)
    difference = a.sum(0) - b.sum(0)
    units = np.array([difference[group == g].sum() for g in np.unique(group)])
    return dict(
        a=["".join(map(str, row)) for row in a.tolist()],
        b=["".join(map(str, row)) for row in b.tolist()],
        groups=group.tolist() if groups else None,
        units=int(len(units)),
        differing=int((units != 0).sum()),
        difference=float(difference.sum() / seeds / images),
        p=exact(units),
    )


def main(path):
    rng = np.random.default_rng(41)
    sizes = [(12, 3, 0, 0.6, 0.4), (90, 3, 9, 0.6, 0.55), (156, 3, 0, 0.62, 0.55), (400, 1, 0, 0.6, 0.56), (600, 5, 150, 0.6, 0.58), (300, 3, 40, 0.6, 0.6)]
    cases = [case(rng, *size) for size in sizes]
    family = [c["p"] for c in cases]
    json.dump(dict(numpy=np.__version__, cases=cases, holm=dict(p=family, adjusted=holm(family))), open(path, "w"))


main(sys.argv[1])
