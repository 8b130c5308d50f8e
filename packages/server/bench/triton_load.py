# Rounds of requests by Triton's own clients, one a thread: prints a line of JSON a round, {"name", "answered", "seconds", "client", "p50", "p99"},
# images, seconds, this process's processor seconds, and milliseconds of a call. Reads a line "http" or "grpc" a round from stdin.
# Arguments: HTTP host:port, gRPC host:port, seconds, threads, images in a call, width of embeddings to send in place of them or 0, image files.
# Needs tritonclient[http,grpc].
import json
import sys
import threading
import time

import numpy as np
import tritonclient.grpc
import tritonclient.http

http, grpc, seconds, threads, images, width, *files = sys.argv[1:]
images, width = int(images), int(width)
if width > 0:
    values = np.arange(images * width) % 7 - 3
    name, datatype, batches = "embedding", "FP32", [values.astype(np.float32).reshape(images, width)]
else:
    contents = [open(file, "rb").read() for file in files]
    name, datatype = "image", "BYTES"
    batches = [np.array([contents[(i + k) % len(contents)] for k in range(images)], dtype=np.object_) for i in range(len(contents))]
modules = {"http": tritonclient.http, "grpc": tritonclient.grpc}
options = {"http": {}, "grpc": {"channel_args": [("grpc.use_local_subchannel_pool", 1)]}}
addresses = {"http": http, "grpc": grpc}
begin, end = threading.Barrier(int(threads) + 1), threading.Barrier(int(threads) + 1)
now = {"name": "", "until": 0.0}
took = [[] for _ in range(int(threads))]


def tensor(module, data):
    one = module.InferInput(name, list(data.shape), datatype)
    one.set_data_from_numpy(data)
    return one


def work(index):
    # made in the thread that asks: the HTTP client belongs to it
    clients = {way: module.InferenceServerClient(url=addresses[way], **options[way]) for way, module in modules.items()}
    tensors = {way: [tensor(module, data) for data in batches] for way, module in modules.items()}
    while True:
        begin.wait()
        client, asked, i = clients[now["name"]], tensors[now["name"]], index
        took[index] = []
        while time.monotonic() < now["until"]:
            start = time.monotonic()
            client.infer("tiny", [asked[i % len(asked)]])
            took[index].append((time.monotonic() - start) * 1000)
            i += int(threads)
        end.wait()


for index in range(int(threads)):
    threading.Thread(target=work, args=(index,), daemon=True).start()
for line in sys.stdin:
    now["name"] = line.strip()
    before, own = time.monotonic(), time.process_time()
    now["until"] = before + float(seconds)
    begin.wait()
    end.wait()
    calls = sorted(sum(took, []))
    spent = {"seconds": time.monotonic() - before, "client": time.process_time() - own}
    latency = {"p50": calls[len(calls) // 2], "p99": calls[len(calls) * 99 // 100]}
    print(json.dumps({"name": now["name"], "answered": len(calls) * images, **spent, **latency}), flush=True)
