"""The content types that a handler package gets for nothing: JSON and CSV, in and out.

A package without ``input_fn`` or ``output_fn`` is served with these, as the SageMaker toolkit does.
"""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np

from chaos.errors import ChaosError

__all__ = ["CSV", "JSON", "HandlerInputError", "choose_accept", "decode", "encode"]

JSON = "application/json"
CSV = "text/csv"


class HandlerInputError(ChaosError):
    """What the client sent cannot be read, or the form it wants back cannot be written."""


def decode(body: bytes, content_type: str) -> Any:
    """What a request body says: a plain value from JSON, a float array ``(rows, columns)`` from CSV.

    :raises HandlerInputError: if the content type is neither, or the body is not of that type
    """
    kind = content_type.split(";", 1)[0].strip().lower() or JSON
    try:
        if kind == JSON:
            return json.loads(body)
        if kind == CSV:
            rows = [
                [float(cell) for cell in line.split(",")]
                for line in body.decode().split("\n")
                if line.strip()
            ]
            return np.array(rows, dtype=np.float64)
    except (ValueError, RecursionError) as error:
        raise HandlerInputError(f"the request body is not valid {kind}: {error}") from None
    raise HandlerInputError(f"content type {content_type!r} is not supported (send {JSON} or {CSV})")


def choose_accept(accept: str) -> str:
    """The first content type of an ``Accept`` header that can be written; JSON if it names none.

    :raises HandlerInputError: if all that it names are unknown
    """
    wanted = [part.split(";", 1)[0].strip().lower() for part in accept.split(",")]
    for kind in wanted:
        if kind in (JSON, CSV):
            return kind
        if kind in ("", "*/*", "application/*"):
            return JSON
    raise HandlerInputError(f"no way to answer as {accept!r} (accept {JSON} or {CSV})")


def encode(prediction: Any, accept: str) -> tuple[bytes, str]:
    """A prediction as a body and its content type. Arrays become nested lists, or rows of CSV.

    :raises HandlerInputError: if ``accept`` names no type that can be written
    :raises TypeError: if the prediction has no JSON form
    """
    kind = choose_accept(accept)
    if kind == CSV:
        out = io.StringIO()
        np.savetxt(out, np.atleast_2d(np.asarray(prediction)), delimiter=",", fmt="%s")
        return out.getvalue().encode(), CSV
    return json.dumps(prediction, default=_plain).encode(), JSON


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"the prediction holds a {type(value).__name__}, which has no JSON form")
