"""Control-plane requests that came to the inference port: each protocol's own part answers them."""

from __future__ import annotations

from chaos.embedded.api.oip import OipControl
from chaos.embedded.api.sagemaker import SageMakerControl

__all__ = ["InferencePortControl"]


class InferencePortControl:
    """Call it with method, path and body, the path with its query; it answers with status and body."""

    def __init__(self, oip: OipControl, sagemaker: SageMakerControl) -> None:
        self._oip = oip
        self._sagemaker = sagemaker

    async def __call__(self, method: str, url: str, body: str) -> tuple[int, str]:
        """Answer one request."""
        path, _, query = url.partition("?")
        if path.strip("/").split("/")[0] == "v2":
            return await self._oip(method, path, body)
        return await self._sagemaker(method, path, query, body)
