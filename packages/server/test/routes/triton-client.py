# Asks a server what Triton's own Python client asks, and prints the answers as JSON: metadata, health, an image in binary and in JSON, errors,
# the index, a model unloaded and loaded.
# Arguments: host:port, key, image file.
import json
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

host, key, file = sys.argv[1:4]
client = triton.InferenceServerClient(url=host, network_timeout=30, connection_timeout=30)


def auth():
    """A fresh dict each time: the client writes its own headers into the one it is given."""
    return {"Authorization": f"Bearer {key}"}


def image(binary, count=2):
    data = np.frombuffer(open(file, "rb").read(), dtype=np.uint8).tobytes()
    tensor = triton.InferInput("image", [count], "BYTES")
    array = np.array([data] * count, dtype=np.object_)
    if not binary:
        import base64

        array = np.array([base64.b64encode(data).decode()] * count, dtype=np.object_)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


def answer(result):
    return {
        "id": result.get_response().get("id"),
        "probabilities": result.as_numpy("probabilities").tolist(),
        "class": [c.decode() if isinstance(c, bytes) else c for c in result.as_numpy("class").tolist()],
        "kept": result.as_numpy("kept").tolist(),
    }


out = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "model_ready": client.is_model_ready("tiny", headers=auth()),
    "server": client.get_server_metadata()["extensions"],
    "model": client.get_model_metadata("tiny", headers=auth()),
    # no outputs named: everything is asked for in binary
    "binary": answer(client.infer("tiny", [image(True)], request_id="42", headers=auth())),
    "version": answer(client.infer("tiny", [image(True)], model_version="1", headers=auth())),
    "json": answer(
        client.infer(
            "tiny",
            [image(False)],
            outputs=[triton.InferRequestedOutput(n, binary_data=False) for n in ("probabilities", "class", "kept")],
            headers=auth(),
        )
    ),
}
for name, compression in (("gzip", "gzip"), ("deflate", "deflate")):
    try:
        out[name] = answer(client.infer("tiny", [image(True)], headers=auth(), request_compression_algorithm=compression))
    except InferenceServerException as error:
        out[name] = {"status": error.status(), "message": error.message()}
index = client.get_model_repository_index(headers=auth())
out["index"] = index
out["top"] = client.infer(
    "tiny", [image(True)], outputs=[triton.InferRequestedOutput("probabilities", class_count=1)], timeout=20_000_000, headers=auth()
).as_numpy("probabilities").tolist()
out["top"] = [[t.decode() for t in row] for row in out["top"]]
try:
    client.infer("tiny", [image(True)], priority=2, headers=auth())
    out["priority"] = "no error"
except InferenceServerException as error:
    out["priority"] = {"status": error.status(), "message": error.message()}
embedding = triton.InferInput("embedding", [1, 128], "FP32")
embedding.set_data_from_numpy(np.eye(1, 128, dtype=np.float32), binary_data=True)
out["embedding"] = answer(client.infer("tiny", [embedding], headers=auth()))
for name, call in (
    ("no_key", lambda: client.infer("tiny", [image(True)])),
    ("no_model", lambda: client.infer("other", [image(True)], headers=auth())),
    ("bad_shape", lambda: client.infer("tiny", [image(True, 2).set_shape([3])], headers=auth())),
):
    try:
        call()
        out[name] = "no error"
    except InferenceServerException as error:
        out[name] = {"status": error.status(), "message": error.message()}
client.unload_model("tiny", headers=auth())
out["unloaded"] = [client.is_model_ready("tiny", headers=auth()), client.get_model_repository_index(headers=auth())]
client.load_model("tiny", headers=auth())
out["loaded"] = [client.is_model_ready("tiny", headers=auth()), client.get_model_repository_index(headers=auth())]
try:
    client.load_model("other", headers=auth())
    out["load_other"] = "no error"
except InferenceServerException as error:
    out["load_other"] = {"status": error.status(), "message": error.message()}
print(json.dumps(out))
