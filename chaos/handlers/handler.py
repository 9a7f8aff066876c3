"""A loaded handler, and how it answers: one request, or a batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from chaos.handlers.context import HandlerContext, RequestProcessor
from chaos.handlers.failures import HandlerStatusError, failure_of
from chaos.handlers.formats import JSON, accepted, received

__all__ = ["Handler"]

Answer = tuple[bytes | Iterator[bytes], str]


class Handler:
    """A loaded package. Not thread-safe: one request, or one batch, at a time, as in a worker.

    :param functions: as :attr:`Package.functions <chaos.handlers.package.Package.functions>`
    :param model: what ``model_fn`` gave
    :param context: the one that the functions are given
    """

    def __init__(
        self, functions: Mapping[str, Callable[..., Any]], model: Any, context: HandlerContext | None = None
    ) -> None:
        self.functions = functions
        self.model = model
        self._context = context or HandlerContext("", "")

    def invoke(self, body: bytes, content_type: str | None = JSON, accept: str | None = "") -> Answer:
        """Answer one request: the answer's body and its content type.

        An ``output_fn`` or ``transform_fn`` that returns an iterator (a generator) of text or bytes answers in
        pieces, none of them empty; what the iterator raises comes out of the one returned here. What is neither is
        written as JSON, as the multi-model-server does.

        :param content_type: the request's ``Content-Type``; None if it has none
        :param accept: the request's ``Accept``; empty means the default, which is JSON
        :raises HandlerInputError: if a default function cannot read the body or write the answer as wanted, or a body
            that should be text is none
        :raises HandlerStatusError: if the package has set the status of an error in its context
        :raises Exception: whatever the package's own functions raise
        """
        functions = self.functions
        request = self._context.take(content_type, accept)
        data, wanted = received(body, content_type), accepted(accept)
        if "transform_fn" in functions:
            answer = functions["transform_fn"](self.model, data, content_type, wanted)
        else:
            data = functions["input_fn"](data, content_type)
            prediction = functions["predict_fn"](data, self.model)
            answer = functions["output_fn"](prediction, wanted)
        return _checked(_answer(answer, wanted), request)

    def answered(self, given: Any, accept: str | None) -> Answer:
        """What :meth:`invoke` makes of what ``output_fn`` or ``transform_fn`` gave for the last request that was taken.

        :raises HandlerStatusError: if the package has set the status of an error in its context
        :raises TypeError: if it is no answer
        """
        return _checked(_answer(given, accepted(accept)), self._context.request_processor[0])

    def invoke_batch(
        self, requests: Sequence[tuple[bytes, str | None, str | None]]
    ) -> list[tuple[bytes, str] | Exception]:
        """Answer several requests at once: for each its answer, or the error that is its alone.

        A request's own is what comes out of its ``input_fn`` and ``output_fn``. All that could be read is predicted
        together, by ``predict_batch_fn`` or, without one, one after another. A ``transform_fn`` is called for each,
        and what refuses a request is its own. Answers in pieces become whole.

        :param requests: body, content type and ``Accept`` of each, as for :meth:`invoke`
        :raises Exception: whatever predicting raises, ``transform_fn`` included: the batch has failed as one
        """
        if "transform_fn" in self.functions:
            return [self._transformed(request) for request in requests]
        results: dict[int, tuple[bytes, str] | Exception] = {}
        data: dict[int, Any] = {}
        taken: dict[int, RequestProcessor] = {}
        for place, (body, content_type, accept) in enumerate(requests):
            taken[place] = self._context.take(content_type, accept)
            try:
                data[place] = self.functions["input_fn"](received(body, content_type), content_type)
            except Exception as error:
                results[place] = error
        predictions = (
            list(self.functions["predict_batch_fn"](list(data.values()), self.model)) if data else []
        )
        if len(predictions) != len(data):
            raise ValueError(f"predict_batch_fn gave {len(predictions)} predictions for {len(data)} requests")
        for place, prediction in zip(data, predictions, strict=True):
            wanted = accepted(requests[place][2])
            self._context.request_processor = [taken[place]]
            try:
                answer = _answer(self.functions["output_fn"](prediction, wanted), wanted)
                results[place] = _whole(_checked(answer, taken[place]))
            except Exception as error:
                results[place] = error
        return [results[place] for place in range(len(requests))]

    def _transformed(self, request: tuple[bytes, str | None, str | None]) -> tuple[bytes, str] | Exception:
        try:
            return _whole(self.invoke(*request))
        except Exception as error:
            if failure_of(error).refused:
                return error
            raise


def _answer(answer: Any, accept: str) -> Answer:
    """What a function gave, and its content type."""
    kind: Any = accept
    if isinstance(answer, tuple):
        answer, kind = answer[0], answer[1]
    if not isinstance(kind, str | None):
        raise TypeError(f"the answer's content type is a {type(kind).__name__}, not text")
    if isinstance(answer, Iterator):
        return filter(None, map(_piece, answer)), kind or JSON
    if isinstance(answer, str | bytes | bytearray | memoryview):
        return _piece(answer), kind or JSON
    try:
        return json.dumps(answer, indent=2).encode(), kind or JSON
    except TypeError:
        return _piece(answer), kind or JSON


def _checked(answer: Answer, request: RequestProcessor) -> Answer:
    status = request.get_response_status_code()
    if status < 400:
        return answer
    text = _whole(answer)[0].decode(errors="replace")
    raise HandlerStatusError(status, text, request.get_response_status_phrase())


def _whole(answer: Answer) -> tuple[bytes, str]:
    body, kind = answer
    return body if isinstance(body, bytes) else b"".join(body), kind


def _piece(answer: object) -> bytes:
    if isinstance(answer, str):
        return answer.encode()
    if not isinstance(answer, bytes | bytearray | memoryview):
        raise TypeError(f"the handler's answer is a {type(answer).__name__}, not bytes or text")
    return bytes(answer)
