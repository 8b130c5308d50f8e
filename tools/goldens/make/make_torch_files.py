"""Writes small checkpoints with PyTorch's own torch.save, and what they hold as plain numbers. Run: python3 make_torch_files.py (needs torch)."""
import json, os, torch

out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../data/torch")
torch.manual_seed(7)
base = torch.randn(6, 8)
net = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.BatchNorm1d(4))
state = net.state_dict()  # an OrderedDict with _metadata, a LongStorage, a scalar
state["turned"] = base.t()
state["cut"] = base[1:4, 2:7]
state["every_other"] = base[::2, ::3]
state["row"] = base[3]
state["half"] = torch.randn(3, 3).half()
state["bfloat"] = torch.randn(7).bfloat16()
state["double"] = torch.randn(2, 2).double()
state["flags"] = torch.tensor([True, False, True])
state["bytes"] = torch.tensor([0, 127, 255], dtype=torch.uint8)
state["empty"] = torch.zeros(0, 3)
state["parameter"] = torch.nn.Parameter(torch.randn(2, 3))
state["scale"] = torch.tensor(4.4454)
torch.save(state, os.path.join(out, "zip.pt"))
torch.save(state, os.path.join(out, "stream.pt"), _use_new_zipfile_serialization=False)
torch.save({"epoch": 3, "name": "run", "lr": 1e-3, "state_dict": state, "optimizer": torch.optim.Adam(net.parameters()).state_dict()},
           os.path.join(out, "training.pt"), pickle_protocol=4)
torch.save(net, os.path.join(out, "module.pt"))
with open(os.path.join(out, "expected.json"), "w") as f:
    json.dump({k: {"shape": list(v.shape), "values": v.detach().float().flatten().tolist()} for k, v in state.items()}, f)
