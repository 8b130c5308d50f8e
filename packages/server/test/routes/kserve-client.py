# Asks a server what KServe's own Python client asks, and prints the answers as JSON. Arguments: base address, key, image file.
import asyncio
import base64
import json
import sys

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.constants.constants import PredictorProtocol

base, key, file = sys.argv[1:4]
image = open(file, "rb").read()


def auth():
    """A fresh dict each time: the client writes its own headers into the one it is given."""
    return {"Authorization": f"Bearer {key}"}


def request(binary):
    tensor = InferInput(name="image", shape=[2], datatype="BYTES")
    if binary:
        tensor.set_data_from_numpy(np.array([image, image], dtype=np.object_), binary_data=True)
    else:
        tensor.set_data_from_numpy(np.array([base64.b64encode(image).decode()] * 2, dtype=np.object_), binary_data=False)
    return InferRequest(model_name="tiny", request_id="42", infer_inputs=[tensor])


def answer(response):
    tensors = {output.name: output.as_numpy() for output in response.outputs}
    return {
        "id": response.id,
        "probabilities": tensors["probabilities"].tolist(),
        "class": [c.decode() if isinstance(c, bytes) else str(c) for c in tensors["class"].tolist()],
        "kept": tensors["kept"].tolist(),
    }


async def main():
    client = InferenceRESTClient(config=RESTConfig(protocol=PredictorProtocol.REST_V2, timeout=30))
    out = {
        "live": await client.is_server_live(base),
        "ready": await client.is_server_ready(base),
        "model_ready": await client.is_model_ready(base, model_name="tiny", headers=auth()),
        "binary": answer(await client.infer(base, request(True), model_name="tiny", headers=auth())),
        "json": answer(await client.infer(base, request(False), model_name="tiny", headers=auth())),
    }
    for name, model, sent in (("no_key", "tiny", {}), ("no_model", "other", auth())):
        try:
            await client.infer(base, request(True), model_name=model, headers=sent)
            out[name] = "no error"
        except Exception as error:
            out[name] = {"status": str(getattr(getattr(error, "response", None), "status_code", "")), "message": str(error)}
    await client.close()
    print(json.dumps(out))


asyncio.run(main())
