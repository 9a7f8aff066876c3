"""Loads a SageMaker-style handler package inside a real server's worker; needs nothing but the standard library.

It is copied beside each server's own bridge, as those run in environments that know nothing of the harness. A
function that the package does not have is replaced by what the toolkit does for JSON.
"""

from __future__ import annotations

import importlib.util
import json
import os
from typing import Any


def load(directory: str) -> Any:
    """A function from the bytes of a JSON request to the bytes of the answer.

    :param directory: the package, with ``code/inference.py``
    """
    source = os.path.join(directory, "code", "inference.py")
    spec = importlib.util.spec_from_file_location("package_inference", source)
    if spec is None or spec.loader is None:
        raise ImportError(f"{source} is no module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.model_fn(directory)
    read = getattr(module, "input_fn", lambda body, content_type: json.loads(body))
    write = getattr(module, "output_fn", lambda prediction, accept: json.dumps(prediction))

    def invoke(body: bytes) -> bytes:
        answer = write(module.predict_fn(read(body, "application/json"), model), "application/json")
        answer = answer[0] if isinstance(answer, tuple) else answer
        return answer.encode() if isinstance(answer, str) else bytes(answer)

    return invoke
