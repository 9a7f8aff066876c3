"""A model of Triton's Python backend that serves the handler package beside it: ``payload`` in, ``result`` out."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils  # type: ignore[import-not-found]


class TritonPythonModel:
    """The class that the backend looks for."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the package from the directory of the model's version."""
        directory = os.path.join(args["model_repository"], args["model_version"])
        sys.path.insert(0, directory)
        import package_bridge  # type: ignore[import-not-found]

        self.invoke = package_bridge.load(os.path.join(directory, "package"))

    def execute(self, requests: list[Any]) -> list[Any]:
        """One answer for each request; an exception is the answer to the request that caused it."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        try:
            body = pb_utils.get_input_tensor_by_name(request, "payload").as_numpy()[0]
            result = np.array([self.invoke(bytes(body))], dtype=object)
        except Exception as error:
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(repr(error)))
        return pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor("result", result)])
