"""What a replica answers to a request: its handler's answer, or an error, in the words of the protocol it came by."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chaos.embedded.answers import Protocol, error_body
from chaos.embedded.executions import ExecutionLog
from chaos.embedded.tensors import TensorError, encode_answer, handler_body, parse_request
from chaos.handlers.formats import JSON, HandlerInputError
from chaos.handlers.package import Handler, load_package

__all__ = ["Answering"]

Answer = tuple[int, bytes | Iterator[bytes], str]


class Answering:
    """The handlers of one replica.

    :param executions: where to note what they are given, if anywhere
    """

    def __init__(self, model: str, executions: ExecutionLog | None = None) -> None:
        self._model = model
        self._executions = executions
        self._handlers: dict[str, Handler] = {}

    def handler(self, package: str) -> Handler:
        """A package's handler, loaded when it is first asked for (another than our own only with a shared pool).

        :raises DocumentError: if it cannot be loaded
        """
        if package not in self._handlers:
            self._handlers[package] = load_package(Path(package), self._model)
        return self._handlers[package]

    def answer(self, request: dict[str, Any], body: bytes) -> Answer:
        """Status, body and content type. A body in pieces has its first one ready, so an error before it has a status.

        Out of memory is status 507, and nothing else is.
        """
        protocol = Protocol(request["protocol"])

        def refuse(status: int, kind: str, message: str) -> Answer:
            return status, error_body(protocol, status, kind, message), JSON

        oip = protocol is Protocol.OIP
        try:
            handler = self.handler(request["package"])
            if oip:
                tensors = parse_request(body)
                answer, _ = self._invoke(handler, handler_body(tensors), JSON, JSON)
                whole = answer if isinstance(answer, bytes) else b"".join(answer)  # a tensor has no pieces
                return 200, encode_answer(tensors, whole, request["model"], request["version"]), JSON
            answer, kind = self._invoke(handler, body, request["content_type"], request["accept"])
            if not isinstance(answer, bytes):
                answer = itertools.chain((next(answer, b""),), answer)
        except TensorError as error:
            return refuse(error.status, "", str(error))
        except HandlerInputError as error:
            return refuse(400, "BadRequestException", str(error))
        except MemoryError:
            return refuse(507, "InternalServerException", "Out of resources")
        except Exception as error:
            message = f"{type(error).__name__}: {error}" if oip else "Prediction failed"
            return refuse(500 if oip else 503, "InternalServerException", message)
        return 200, answer, kind

    def _invoke(
        self, handler: Handler, body: bytes, content_type: str, accept: str
    ) -> tuple[bytes | Iterator[bytes], str]:
        if self._executions is not None:
            self._executions.note(body)
        return handler.invoke(body, content_type, accept)
