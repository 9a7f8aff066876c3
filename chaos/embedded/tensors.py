"""Between the Open Inference Protocol's tensors and a handler's JSON body.

One BYTES element is the handler's request text, and its answer comes back as the BYTES output ``result``;
numeric tensors become ``{"instances": …}``, and a numeric ``predictions`` comes back as a tensor. This is
done in the replica, so that parsing a large body never holds up the proxy.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

__all__ = ["TensorError", "encode_answer", "handler_body", "parse_request"]

_FLOATS = {"FP16", "FP32", "FP64"}
_INTEGERS = {"INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "BOOL"}


class TensorError(Exception):
    """The request is wrong; ``status`` is what Triton answers to that."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


def parse_request(body: bytes) -> dict[str, Any]:
    """The inference request.

    :raises TensorError: 500 for text that is no JSON object or lacks ``inputs``, as Triton answers
    """
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise TensorError(500, f"failed to parse the request JSON buffer: {error}") from None
    if not isinstance(request, dict) or not isinstance(request.get("inputs"), list):
        raise TensorError(500, "Unable to find JSON array 'inputs' in the request")
    return request


def handler_body(request: dict[str, Any]) -> bytes:
    """The handler's JSON body for a request.

    :raises TensorError: 400 for tensors whose datatype, shape and data do not fit together
    """
    arrays = []
    for tensor in request["inputs"]:
        if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
            raise TensorError(400, "an input is not an object with a 'name'")
        name, datatype, data = tensor["name"], tensor.get("datatype"), tensor.get("data")
        shape = tensor.get("shape")
        if not isinstance(shape, list) or not all(isinstance(size, int) and size >= 0 for size in shape):
            raise TensorError(400, f"input '{name}': 'shape' must be a list of sizes")
        if not isinstance(data, list):
            raise TensorError(
                400, f"input '{name}': 'data' must be a list (binary tensors are not supported)"
            )
        if datatype == "BYTES":
            if len(request["inputs"]) != 1 or len(data) != 1 or not isinstance(data[0], str):
                raise TensorError(400, f"input '{name}': BYTES must be the only input, with one text element")
            try:
                return data[0].encode()
            except UnicodeEncodeError:
                raise TensorError(400, f"input '{name}': the text is not valid Unicode") from None
        if not isinstance(datatype, str) or datatype not in _FLOATS | _INTEGERS:
            raise TensorError(400, f"input '{name}': unknown datatype {datatype!r}")
        try:
            array = np.asarray(data, dtype=np.float64 if datatype in _FLOATS else np.int64).reshape(shape)
        except (ValueError, TypeError, OverflowError) as error:
            raise TensorError(400, f"input '{name}': data do not fit shape {shape}: {error}") from None
        arrays.append(array.tolist())
    if not arrays:
        raise TensorError(400, "'inputs' is empty")
    instances = arrays[0] if len(arrays) == 1 else arrays
    return json.dumps({"instances": instances}).encode()


def encode_answer(request: dict[str, Any], answer: bytes, model: str, version: str) -> bytes:
    """The inference answer for what a handler answered; the request's ``id`` is in it.

    :raises TensorError: 500 if a handler answered a BYTES request with something other than text
    """
    numeric = request["inputs"][0].get("datatype") != "BYTES"
    output = (_numbers(answer) if numeric else None) or _text(answer)
    document: dict[str, Any] = {"id": str(request["id"])} if "id" in request else {}
    document |= {"model_name": model, "model_version": version, "outputs": [output]}
    return json.dumps(document).encode()


def _text(answer: bytes) -> dict[str, Any]:
    try:
        text = answer.decode()
    except UnicodeDecodeError:
        raise TensorError(500, "the handler's answer is not text, which a JSON tensor must be") from None
    return {"name": "result", "datatype": "BYTES", "shape": [1], "data": [text]}


def _numbers(answer: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(answer)
        array = np.asarray(document["predictions"])
    except (ValueError, TypeError, KeyError):
        return None
    if array.dtype.kind not in "fiu":
        return None
    datatype = "FP64" if array.dtype.kind == "f" else "INT64"
    return {
        "name": "predictions",
        "datatype": datatype,
        "shape": list(array.shape),
        "data": array.ravel().tolist(),
    }
