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

        self.package = package_bridge.Package(os.path.join(directory, "package"), args["model_name"])

    def execute(self, requests: list[Any]) -> list[Any]:
        """One answer for each request of the batch; what one of them raises is the answer to all."""
        try:
            payloads = [
                pb_utils.get_input_tensor_by_name(request, "payload").as_numpy() for request in requests
            ]
            answers = self.package.invoke([bytes(payload.item()) for payload in payloads])
            # a model that batches has one dimension more
            results = [
                np.array([answer], dtype=object).reshape(payload.shape)
                for answer, payload in zip(answers, payloads, strict=True)
            ]
        except Exception as error:
            return [pb_utils.InferenceResponse(error=pb_utils.TritonError(repr(error))) for _ in requests]
        return [
            pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor("result", result)])
            for result in results
        ]
