# Rounds of requests by Triton's own clients, one a thread: prints a line of JSON a round, {"name", "answered", "seconds", "client"}, where "client"
# is this process's processor seconds. Reads a line "http" or "grpc" a round from stdin.
# Arguments: HTTP host:port, gRPC host:port, seconds, threads, image files. Needs tritonclient[http,grpc].
import json
import sys
import threading
import time

import numpy as np
import tritonclient.grpc
import tritonclient.http

http, grpc, seconds, threads, *files = sys.argv[1:]
images = [np.array([open(file, "rb").read()], dtype=np.object_) for file in files]
modules = {"http": tritonclient.http, "grpc": tritonclient.grpc}
options = {"http": {}, "grpc": {"channel_args": [("grpc.use_local_subchannel_pool", 1)]}}
addresses = {"http": http, "grpc": grpc}
begin, end = threading.Barrier(int(threads) + 1), threading.Barrier(int(threads) + 1)
now = {"name": "", "until": 0.0}
answered = [0] * int(threads)


def tensor(module, data):
    one = module.InferInput("image", [1], "BYTES")
    one.set_data_from_numpy(data)
    return one


def work(index):
    # made in the thread that asks: the HTTP client belongs to it
    clients = {name: module.InferenceServerClient(url=addresses[name], **options[name]) for name, module in modules.items()}
    tensors = {name: [tensor(module, data) for data in images] for name, module in modules.items()}
    while True:
        begin.wait()
        client, asked, i = clients[now["name"]], tensors[now["name"]], index
        answered[index] = 0
        while time.monotonic() < now["until"]:
            client.infer("tiny", [asked[i % len(images)]])
            answered[index] += 1
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
    spent = {"seconds": time.monotonic() - before, "client": time.process_time() - own}
    print(json.dumps({"name": now["name"], "answered": sum(answered), **spent}), flush=True)
