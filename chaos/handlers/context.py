"""The ``context`` that a handler's functions may take: a model server's, with the model's and the request's side.

It has the names that the multi-model-server and TorchServe give theirs. There is one for a package, for loading and for
all requests; what belongs to a request is exchanged in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["HandlerContext", "RequestProcessor"]


class RequestProcessor:
    """One request's headers, and what its answer's status and headers are to be."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)
        self._status, self._phrase = 200, ""
        self._answered: dict[str, str] = {}

    def get_request_property(self, key: str) -> str | None:
        """A header of the request."""
        return self._headers.get(key)

    def get_request_properties(self) -> dict[str, str]:
        """All headers of the request."""
        return self._headers

    def report_status(self, code: int, reason_phrase: str | None = None) -> None:
        """Set the answer's status."""
        self._status, self._phrase = code, reason_phrase or ""

    def get_response_status_code(self) -> int:
        """The answer's status."""
        return self._status

    def get_response_status_phrase(self) -> str:
        """The answer's reason phrase; empty is the usual one."""
        return self._phrase

    def add_response_property(self, key: str, value: str) -> None:
        """Set a header of the answer."""
        self._answered[key] = value

    def get_response_headers(self) -> dict[str, str]:
        """The headers of the answer that were set."""
        return self._answered

    def get_response_header(self, key: str) -> str | None:
        """A header of the answer that was set."""
        return self._answered.get(key)


class HandlerContext:
    """What a function with a trailing ``context`` gets.

    :param model_name: as it is registered
    :param model_dir: the package's directory
    :param manifest: of a ``.mar``; None for other packages
    """

    def __init__(self, model_name: str, model_dir: str, manifest: dict[str, Any] | None = None) -> None:
        self.model_name = model_name
        self.manifest = manifest
        self.system_properties: dict[str, Any] = {
            "model_dir": model_dir,
            "gpu_id": None,
            "batch_size": 1,
            "server_name": "chaos",
            "server_version": "1.0",
            "limit_max_image_pixels": True,
        }
        self.metrics: Any = None
        self.request_ids: dict[int, str] = {}
        self.request_processor: list[RequestProcessor] = []
        self._requests = 0

    def take(self, content_type: str | None, accept: str | None) -> RequestProcessor:
        """Begin a request with these headers."""
        headers = {"Content-Type": content_type, "Accept": accept}
        given = {name: value for name, value in headers.items() if value is not None}
        self._requests += 1
        self.request_ids = {0: str(self._requests)}
        self.request_processor = [RequestProcessor(given)]
        return self.request_processor[0]

    def get_request_id(self, idx: int = 0) -> str | None:
        """The request's number."""
        return self.request_ids.get(idx)

    def get_request_header(self, idx: int, key: str) -> str | None:
        """A header of the request."""
        return self.request_processor[idx].get_request_property(key)

    def get_all_request_header(self, idx: int) -> dict[str, str]:
        """All headers of the request."""
        return self.request_processor[idx].get_request_properties()

    def set_response_content_type(self, idx: int, value: str) -> None:
        """Set the answer's content type."""
        self.set_response_header(idx, "content-type", value)

    def get_response_content_type(self, idx: int) -> str | None:
        """The answer's content type, if it was set."""
        return self.request_processor[idx].get_response_header("content-type")

    def set_response_header(self, idx: int, key: str, value: str) -> None:
        """Set a header of the answer."""
        self.request_processor[idx].add_response_property(key, value)

    def get_response_headers(self, idx: int) -> dict[str, str]:
        """The headers of the answer that were set."""
        return self.request_processor[idx].get_response_headers()

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        """Set the answer's status; nothing while a model loads."""
        if self.request_processor:
            self.request_processor[idx].report_status(code, phrase)

    def set_all_response_status(self, code: int = 200, phrase: str = "") -> None:
        """Set the status of all answers of the batch."""
        for processor in self.request_processor:
            processor.report_status(code, phrase)

    def get_response_status(self, idx: int) -> tuple[int, str]:
        """The answer's status and reason phrase."""
        processor = self.request_processor[idx]
        return processor.get_response_status_code(), processor.get_response_status_phrase()
