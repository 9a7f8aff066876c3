"""A TorchServe handler that serves the handler package beside it, as an archive carries both."""

from __future__ import annotations

import json
from typing import Any

import package_bridge  # type: ignore[import-not-found]


class PackageHandler:
    """TorchServe wants exactly one class in the module, with ``initialize`` and ``handle``."""

    def initialize(self, context: Any) -> None:
        """Load the package from the directory that the archive was extracted to."""
        self.invoke = package_bridge.load(context.system_properties["model_dir"])

    def handle(self, data: Any, context: Any) -> list[bytes]:
        """One answer for each request of the batch."""
        context.set_response_content_type(0, "application/json")
        return [self.invoke(_body(request)) for request in data]


def _body(request: dict[str, Any]) -> bytes:
    body = request.get("body", request.get("data"))
    # TorchServe has parsed what came as application/json
    return bytes(body) if isinstance(body, bytes | bytearray) else json.dumps(body).encode()
