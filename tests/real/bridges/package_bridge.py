"""Loads a SageMaker-style handler package inside a real server's worker; needs nothing but the standard library.

It is copied beside each server's own bridge, as those run in environments that know nothing of the harness. A
function that the package does not have is replaced by what the toolkit does for JSON.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any


class Package:
    """A loaded package.

    :param directory: where it is, with ``code/inference.py``
    :param name: the model's, for a ``model_fn`` that takes a context
    """

    def __init__(self, directory: str, name: str = "") -> None:
        source = os.path.join(directory, "code", "inference.py")
        spec = importlib.util.spec_from_file_location("package_inference", source)
        if spec is None or spec.loader is None:
            raise ImportError(f"{source} is no module")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        context = SimpleNamespace(model_name=name)
        taken = len(inspect.signature(module.model_fn).parameters)
        self._model = module.model_fn(*(directory, context)[:taken])
        self._read = getattr(module, "input_fn", lambda body, content_type: json.loads(body))
        self._write = getattr(module, "output_fn", lambda prediction, accept: json.dumps(prediction))
        self._predict = getattr(
            module,
            "predict_batch_fn",
            lambda batch, model: [module.predict_fn(data, model) for data in batch],
        )

    def invoke(self, bodies: list[bytes]) -> list[bytes]:
        """The bytes of an answer for the bytes of each JSON request; an answer in pieces becomes whole."""
        data = [self._read(body, "application/json") for body in bodies]
        return [_bytes(self._write(each, "application/json")) for each in self._predict(data, self._model)]


def _bytes(answer: Any) -> bytes:
    answer = answer[0] if isinstance(answer, tuple) else answer
    if isinstance(answer, Iterator):
        return b"".join(map(_bytes, answer))
    return answer.encode() if isinstance(answer, str) else bytes(answer)
