"""A TorchServe handler that serves the handler package beside it, as an archive carries both."""

from __future__ import annotations

import json
from typing import Any

import package_bridge  # type: ignore[import-not-found]


class PackageHandler:
    """TorchServe wants exactly one class in the module, with ``initialize`` and ``handle``."""

    def initialize(self, context: Any) -> None:
        """Load the package from the directory that the archive was extracted to."""
        self.package = package_bridge.Package(context.system_properties["model_dir"], context.model_name)

    def handle(self, data: Any, context: Any) -> list[bytes]:
        """One answer for each request of the batch; what one of them raises fails all, as TorchServe has it."""
        for place in range(len(data)):
            context.set_response_content_type(place, "application/json")
        answers: list[bytes] = self.package.invoke([_body(request) for request in data])
        return answers


def _body(request: dict[str, Any]) -> bytes:
    body = request.get("body", request.get("data"))
    # TorchServe has parsed what came as application/json
    return bytes(body) if isinstance(body, bytes | bytearray) else json.dumps(body).encode()
