"""The content types that a handler package gets for nothing, as the SageMaker Inference Toolkit gives them.

In: JSON, CSV, NPY and NPZ become numpy arrays (NPZ a scipy sparse matrix). Out: JSON, CSV or NPY. Names of types are
compared as they stand: with parameters (``text/csv; charset=utf-8``) they are other types, as they are to the toolkit.

There is one difference: the toolkit unpickles NPY bodies that hold objects, so that whoever may send a request may run
code. Here such a body is refused.
"""

from __future__ import annotations

import io
import json
import os
from typing import Any

import numpy as np

from chaos.errors import ChaosError

__all__ = [
    "ANY",
    "CSV",
    "JSON",
    "NPY",
    "NPZ",
    "READABLE",
    "TEXT",
    "WRITABLE",
    "HandlerInputError",
    "UnsupportedFormatError",
    "accepted",
    "decode",
    "encode",
    "received",
]

JSON = "application/json"
CSV = "text/csv"
NPY = "application/x-npy"
NPZ = "application/x-npz"
ANY = "*/*"

TEXT = (JSON, CSV)
"""Bodies of these types come to ``input_fn`` and ``transform_fn`` as text, all others as bytes."""
READABLE = (JSON, CSV, NPY, NPZ)
WRITABLE = (JSON, CSV, NPY)

DEFAULT_ACCEPT = "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"
"""The environment variable that names the type of answers to requests that want none in particular."""


class HandlerInputError(ChaosError):
    """What the client sent cannot be read, or the form it wants back cannot be written."""


class UnsupportedFormatError(HandlerInputError):
    """No function of the package, nor a default, knows the content type."""


def received(body: bytes, content_type: str | None) -> bytes | str:
    """A request's body as ``input_fn`` or ``transform_fn`` gets it.

    :raises HandlerInputError: if it should be text and is not UTF-8
    """
    if content_type not in TEXT:
        return body
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise HandlerInputError(f"the request body is not valid {content_type}: {error}") from None


def accepted(accept: str | None) -> str:
    """The ``Accept`` that ``output_fn`` or ``transform_fn`` gets: the request's, or the default if it names none."""
    return accept if accept and accept != ANY else os.environ.get(DEFAULT_ACCEPT, JSON)


def decode(data: bytes | str, content_type: str | None) -> Any:
    """What a request says; the ``input_fn`` of a package that has none.

    :param data: text for JSON and CSV, bytes for NPY and NPZ (see :func:`received`)
    :return: an array; from JSON of the shape of its nested lists, from anything else in JSON one without dimensions
    :raises UnsupportedFormatError: if the content type is none of the four
    :raises HandlerInputError: if the body is not of that type
    """
    if content_type not in READABLE:
        raise UnsupportedFormatError(
            f"content type {content_type!r} is not supported (send {', '.join(READABLE)}, or write an input_fn)"
        )
    try:
        return _DECODERS[content_type](data)
    except MemoryError:
        raise
    except Exception as error:  # numpy, zipfile and scipy each have their own
        raise HandlerInputError(f"the request body is not valid {content_type}: {error}") from None


def encode(prediction: Any, accept: str) -> tuple[bytes, str]:
    """A prediction as a body and its content type; the ``output_fn`` of a package that has none.

    It is the first type in ``accept`` that can be written.

    :raises UnsupportedFormatError: if there is none
    :raises TypeError: if the prediction has no JSON form
    :raises ValueError: if it has no CSV form: more than two dimensions, or none
    """
    for kind in accept.replace(" ", "").split(","):
        if kind == JSON:
            return json.dumps(prediction, default=_plain).encode(), kind
        if kind == CSV:
            text = io.StringIO()
            np.savetxt(text, prediction, delimiter=",", fmt="%s")
            return text.getvalue().encode(), kind
        if kind == NPY:
            raw = io.BytesIO()
            np.save(raw, prediction)
            return raw.getvalue(), kind
    raise UnsupportedFormatError(
        f"no way to answer as {accept!r} (accept {', '.join(WRITABLE)}, or write an output_fn)"
    )


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return json.JSONEncoder().default(value)  # which raises, in its own words


def _from_json(data: bytes | str) -> Any:
    return np.array(json.loads(data))


def _from_csv(data: bytes | str) -> Any:
    text = data if isinstance(data, str) else data.decode()
    return np.genfromtxt(io.StringIO(text), dtype=None, delimiter=",")


def _from_npy(data: bytes | str) -> Any:
    return np.load(io.BytesIO(_raw(data)), allow_pickle=False)


def _from_npz(data: bytes | str) -> Any:
    from scipy import sparse  # slow to import, and rarely wanted

    return sparse.load_npz(io.BytesIO(_raw(data)))


def _raw(data: bytes | str) -> bytes:
    return data if isinstance(data, bytes) else data.encode()


_DECODERS = {JSON: _from_json, CSV: _from_csv, NPY: _from_npy, NPZ: _from_npz}
