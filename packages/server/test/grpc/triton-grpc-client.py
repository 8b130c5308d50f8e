# Asks a server what Triton's own gRPC client asks, and prints the answers as JSON. Arguments: host:port, key, image file, and the
# certificate to trust where the server has one.
import json
import queue
import sys

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

host, key, file, *trusted = sys.argv[1:5]
tls = {"ssl": True, "root_certificates": trusted[0]} if trusted else {}
client = triton.InferenceServerClient(url=host, **tls)
auth = {"authorization": f"Bearer {key}"}
data = open(file, "rb").read()
tensor = triton.InferInput("image", [2], "BYTES")
tensor.set_data_from_numpy(np.array([data, data], dtype=np.object_))
result = client.infer("tiny", [tensor], request_id="42", headers=auth, client_timeout=30)
out = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "model_ready": client.is_model_ready("tiny", headers=auth),
    "extensions": list(client.get_server_metadata().extensions),
    "model": client.get_model_metadata("tiny", headers=auth, as_json=True),
    "index": [[m.name, m.state] for m in client.get_model_repository_index(headers=auth).models],
    "id": result.get_response().id,
    "probabilities": result.as_numpy("probabilities").tolist(),
    "class": [c.decode() for c in result.as_numpy("class").tolist()],
}
top = client.infer("tiny", [tensor], outputs=[triton.InferRequestedOutput("probabilities", class_count=1)], headers=auth)
out["top"] = [t.decode() for t in top.as_numpy("probabilities").flatten().tolist()]
compressed = client.infer("tiny", [tensor], headers=auth, compression_algorithm="gzip")
out["compressed"] = compressed.as_numpy("probabilities").tolist()
client.unload_model("tiny", headers=auth)
out["unloaded"] = [client.is_model_ready("tiny", headers=auth), client.get_model_repository_index(headers=auth).models[0].state]
client.load_model("tiny", headers=auth)
out["loaded"] = client.is_model_ready("tiny", headers=auth)
for name, call in (
    ("no_key", lambda: client.infer("tiny", [tensor])),
    ("no_model", lambda: client.infer("other", [tensor], headers=auth)),
):
    try:
        call()
        out[name] = "no error"
    except InferenceServerException as error:
        out[name] = {"status": error.status(), "message": error.message()}


def streamed(count, bad, **settings):
    """Ids and errors of requests of one image, sent without waiting, as the stream's callback hears of them."""
    heard = queue.Queue()
    client.start_stream(callback=lambda result, error: heard.put((result, error)), **settings)
    one = triton.InferInput("image", [1], "BYTES")
    one.set_data_from_numpy(np.array([data], dtype=np.object_))
    for i in range(count):
        try:
            client.async_stream_infer("other" if i == bad else "tiny", [one], request_id=str(i), enable_empty_final_response=True)
        except InferenceServerException:
            # refused before this one was sent: the callback hears why
            break
    client.stop_stream()
    said = []
    while not heard.empty():
        result, error = heard.get()
        if error is not None:
            said.append({"status": error.status(), "message": error.message()})
            continue
        response = result.get_response()
        final = response.parameters["triton_final_response"].bool_param
        said.append([response.id, final, result.as_numpy("probabilities")[0].tolist()])
    return said


out["streamed"] = streamed(200, 100, headers=auth)
out["strict"] = streamed(4, 2, headers={**auth, "triton_grpc_error": "true"})
out["streamed_compressed"] = streamed(3, -1, headers=auth, compression_algorithm="gzip")
out["streamed_no_key"] = streamed(1, -1)
print(json.dumps(out))
