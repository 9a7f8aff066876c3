"""What a replica answers to a request: its handler's answer, or an error, in the words of the protocol it came by."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from chaos.embedded.answers import Protocol, error_body
from chaos.embedded.executions import ExecutionLog
from chaos.embedded.tensors import TensorError, encode_answer, handler_body, parse_request
from chaos.handlers.failures import failure_of
from chaos.handlers.formats import JSON, HandlerInputError
from chaos.handlers.package import Handler, load_package

__all__ = ["Answering"]

Answer = tuple[int, bytes | Iterator[bytes], str]
Request = tuple[dict[str, Any], bytes]


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

    def answers(self, requests: Sequence[Request]) -> list[Answer]:
        """Status, body and content type for each request: for one, or for a batch that the handler is given at once.

        A body in pieces has its first one ready, so an error before it has a status; in a batch bodies are whole.
        Out of memory is status 507, and nothing else is.
        """
        if len(requests) == 1:
            return [self._answer(*requests[0])]
        try:
            return self._batch(requests)
        except Exception as error:  # the handler's, so it is everybody's
            return [_refusal(request, error) for request, _ in requests]

    def _answer(self, request: dict[str, Any], body: bytes) -> Answer:
        try:
            handler = self.handler(request["package"])
            asked = _Asked(request, body)
            self._note(asked.body)
            answer, kind = handler.invoke(asked.body, asked.content_type, asked.accept)
            if not isinstance(answer, bytes):
                # a tensor has no pieces
                answer = b"".join(answer) if asked.tensors else itertools.chain((next(answer, b""),), answer)
            return asked.answered(answer, kind)
        except Exception as error:
            return _refusal(request, error)

    def _batch(self, requests: Sequence[Request]) -> list[Answer]:
        handler = self.handler(requests[0][0]["package"])
        answers: list[Answer | None] = []
        asked: list[_Asked] = []
        for request, body in requests:
            try:
                asked.append(_Asked(request, body))
                answers.append(None)
            except TensorError as error:
                answers.append(_refusal(request, error))
        for each in asked:
            self._note(each.body)
        results = handler.invoke_batch([(each.body, each.content_type, each.accept) for each in asked])
        given = iter([_given(each, result) for each, result in zip(asked, results, strict=True)])
        return [next(given) if answer is None else answer for answer in answers]

    def _note(self, body: bytes) -> None:
        if self._executions is not None:
            self._executions.note(body)


class _Asked:
    """A request as its handler gets it.

    :raises TensorError: if it is not one of its protocol
    """

    __slots__ = ("accept", "body", "content_type", "request", "tensors")

    def __init__(self, request: dict[str, Any], body: bytes) -> None:
        self.request = request
        self.content_type: str | None
        self.tensors: dict[str, Any] = {}
        if request["protocol"] == Protocol.OIP:
            self.tensors = parse_request(body)
            self.body, self.content_type, self.accept = handler_body(self.tensors), JSON, JSON
        else:
            # only SageMaker leaves it to the handler what a body without a type is
            default = None if request["protocol"] == Protocol.SAGEMAKER else JSON
            self.body, self.accept = body, request["accept"]
            self.content_type = request["content_type"] or default

    def answered(self, answer: bytes | Iterator[bytes], kind: str) -> Answer:
        """The handler's answer in the protocol's form."""
        if self.tensors and isinstance(answer, bytes):
            model, version = self.request["model"], self.request["version"]
            return 200, encode_answer(self.tensors, answer, model, version), JSON
        return 200, answer, kind


def _given(asked: _Asked, result: tuple[bytes, str] | Exception) -> Answer:
    try:
        if isinstance(result, Exception):
            return _refusal(asked.request, result)
        return asked.answered(*result)
    except TensorError as error:
        return _refusal(asked.request, error)


def _refusal(request: dict[str, Any], error: Exception) -> Answer:
    protocol = Protocol(request["protocol"])
    oip = protocol is Protocol.OIP
    failure = failure_of(error)
    if isinstance(error, TensorError):
        status, kind, message = error.status, "", str(error)
    elif not isinstance(error, MemoryError) and (protocol is Protocol.SAGEMAKER or failure.stated):
        status = failure.status if failure.status in range(200, 600) else 500  # others are none of HTTP's
        kind = "InternalServerException" if status >= 500 else "BadRequestException"
        message = failure.message if failure.stated else f"{type(error).__name__}: {error}"
    elif isinstance(error, HandlerInputError):
        status, kind, message = 400, "BadRequestException", str(error)
    elif isinstance(error, MemoryError):
        status, kind, message = 507, "InternalServerException", "Out of resources"
    else:
        message = f"{type(error).__name__}: {error}" if oip else "Prediction failed"
        status, kind = 500 if oip else 503, "InternalServerException"
    return status, error_body(protocol, status, kind, message), JSON
