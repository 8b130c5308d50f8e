# Rounds of requests by Triton's own clients, one a thread: prints a line of JSON a round, {"name", "answered", "seconds", "client", "p50", "p99"},
# images, seconds, this process's processor seconds, and milliseconds of a call. Reads a line "http", "grpc" or "stream" a round from stdin:
# requests of ModelStreamInfer, as many at once as there are threads, over so many streams with a thread each.
# Arguments: HTTP host:port, gRPC host:port, seconds, threads, images in a call, width of embeddings to send in place of them or 0, streams,
# image files.
# Needs tritonclient[http,grpc].
import json
import os
import queue
import sys
import threading
import time

import numpy as np
import tritonclient.grpc
import tritonclient.http

http, grpc, seconds, threads, images, width, streams, *files = sys.argv[1:]
images, width, streams, threads = int(images), int(width), int(streams), int(threads)
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
begin, end = threading.Barrier(threads + 1), threading.Barrier(threads + 1)
now = {"name": "", "until": 0.0}
took = [[] for _ in range(threads)]


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
            i += threads
        end.wait()


def stream(index):
    """One stream with its share of the requests: the next is sent when an answer comes."""
    client = tritonclient.grpc.InferenceServerClient(url=grpc, **options["grpc"])
    asked = [tensor(tritonclient.grpc, data) for data in batches]
    sent, heard = queue.SimpleQueue(), queue.SimpleQueue()
    client.start_stream(lambda result, error: heard.put(error))
    while True:
        streaming.wait()
        took[index], i, waiting = [], index, 0

        def ask():
            nonlocal i, waiting
            sent.put(time.monotonic())
            client.async_stream_infer("tiny", [asked[i % len(asked)]])
            i, waiting = i + 1, waiting + 1

        for _ in range(threads // streams):
            ask()
        while waiting > 0:
            error = heard.get()
            if error is not None:
                print(error, file=sys.stderr)
                os._exit(1)
            waiting -= 1
            took[index].append((time.monotonic() - sent.get()) * 1000)
            if time.monotonic() < now["until"]:
                ask()
        streamed.wait()


streaming, streamed = threading.Barrier(streams + 1), threading.Barrier(streams + 1)
for index in range(streams):
    threading.Thread(target=stream, args=(index,), daemon=True).start()
for index in range(threads):
    threading.Thread(target=work, args=(index,), daemon=True).start()
for line in sys.stdin:
    now["name"] = line.strip()
    before, own = time.monotonic(), time.process_time()
    now["until"] = before + float(seconds)
    first, last = (streaming, streamed) if now["name"] == "stream" else (begin, end)
    if now["name"] == "stream":
        took = [[] for _ in took]
    first.wait()
    last.wait()
    calls = sorted(sum(took, []))
    spent = {"seconds": time.monotonic() - before, "client": time.process_time() - own}
    latency = {"p50": calls[len(calls) // 2], "p99": calls[len(calls) * 99 // 100]}
    print(json.dumps({"name": now["name"], "answered": len(calls) * images, **spent, **latency}), flush=True)
