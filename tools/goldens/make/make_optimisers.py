# Golden values of the optimiser steps: ten steps of torch.optim.SGD and torch.optim.AdamW on twelve numbers, in float64.
# Usage: /usr/bin/python3 make_optimisers.py ../data/optimisers.json   (Debian python3-torch)
import json, sys
import torch
torch.manual_seed(7)
steps, n = 10, 12
start = torch.randn(n, dtype=torch.float32).double()
gradients = [torch.randn(n, dtype=torch.float32).double() * 10 ** (k % 3 - 1) for k in range(steps)]
rates = [1e-5] + [0.002 * (1 - k / 20) for k in range(1, steps)]

def run(make, lr_scale):
    p = torch.nn.Parameter(start.clone())
    opt, seen = make([p]), []
    for g, lr in zip(gradients, rates):
        opt.param_groups[0]['lr'] = lr * lr_scale
        p.grad = g.clone(); opt.step(); seen.append(p.detach().tolist())
    return seen

json.dump(dict(
    torch=torch.__version__, start=start.tolist(), gradients=[g.tolist() for g in gradients], rates=rates,
    sgd=dict(momentum=0.9, weightDecay=5e-4, parameters=run(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=5e-4), 10)),
    adamw=dict(beta1=0.9, beta2=0.999, epsilon=1e-8, weightDecay=0.01, parameters=run(lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.01), 10)),
), open(sys.argv[1], 'w'), indent=1)
