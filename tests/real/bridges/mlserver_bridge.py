"""An MLServer runtime that serves the handler package beside its settings: ``payload`` in, ``result`` out."""

from __future__ import annotations

from typing import Any

import package_bridge  # type: ignore[import-not-found]
from mlserver import MLModel  # type: ignore[import-not-found]
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput  # type: ignore[import-not-found]


class PackageRuntime(MLModel):  # type: ignore[misc]
    """A handler is not asynchronous, so a request occupies the worker that has it, as with any such runtime."""

    async def load(self) -> bool:
        """Load the package that the model's settings point to."""
        self.package: Any = package_bridge.Package(self.settings.parameters.uri, self.settings.name)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer with the handler's text."""
        element = payload.inputs[0].data.root[0]
        body = element.encode() if isinstance(element, str) else bytes(element)
        text = self.package.invoke([body])[0].decode()
        output = ResponseOutput(name="result", shape=[1], datatype="BYTES", data=[text])
        return InferenceResponse(id=payload.id, model_name=self.name, outputs=[output])
