"""The process that a handler runs in: it answers the harness's questions, one at a time, until it is killed.

A question is a frame (:mod:`chaos.handlers.frames`) that says what to ``do``: ``import``, ``load``, ``call`` (one
function, on arguments that may be values kept here), ``run`` (the whole pipeline, by the same code as a replica of the
embedded platform) or ``forget``. The answer says how it went, with what the process then takes of the machine.

A handler may change anything in its process. What is used here between its calls is bound before, and what it forked
never answers: it has no connection, and ends when it comes back.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import wraps
from os import _exit, getpid
from pathlib import Path
from time import perf_counter
from types import FunctionType
from typing import Any, NoReturn

from chaos.errors import DocumentError
from chaos.handlers.formats import accepted, received
from chaos.handlers.limits import footprint, limit_processor_time
from chaos.handlers.mishaps import mishap_of
from chaos.handlers.package import Handler, Package, import_package
from chaos.handlers.questions import Questions
from chaos.handlers.values import digest_of, type_of, words_of

__all__ = ["Worker"]

Told = tuple[dict[str, Any], bytes]

CACHED_SECONDS = 1e-3


class AnswerTooLargeError(Exception):
    """The answer is larger than the limits allow."""


class Worker:
    """Answers questions about one package.

    :param questions: from the harness
    :param trace: the file in which to say where the handler was when the process crashed, or got SIGUSR1
    :param cpu: seconds of processor time of one call
    :param most: bytes of an answer
    """

    def __init__(
        self,
        questions: Questions,
        directory: Path,
        model_name: str,
        trace: int,
        *,
        cpu: float,
        most: int,
    ) -> None:
        self._questions, self._trace = questions, trace
        self._directory, self._model_name = directory, model_name
        self._cpu, self._most = cpu, most
        self._pid = getpid()
        self._package: Package | None = None
        self._handler: Handler | None = None
        self._kept: dict[int, Any] = {}
        self._times: dict[str, float] = {}
        self._loads = 0
        self._first: tuple[Any, float] | None = None
        self._does: dict[str, Callable[[dict[str, Any], bytes], Told]] = {
            "import": self._import,
            "load": self._load,
            "call": self._call,
            "run": self._run,
            "forget": self._forget,
        }

    def serve(self) -> NoReturn:
        """Answer until the connection ends."""
        os.register_at_fork(after_in_child=self._forked)
        faulthandler.enable(self._trace, all_threads=False)
        faulthandler.register(signal.SIGUSR1, self._trace, all_threads=False)
        while True:
            told, answer = self._told(*self._questions.next())
            self._questions.answer(told, answer)
            if told["outcome"] == "exited":
                _exit(told["code"])

    def _forked(self) -> None:
        self._questions.close()
        with suppress(OSError):
            os.close(self._trace)

    def _told(self, question: dict[str, Any], body: bytes) -> Told:
        """What there is to say after doing what was asked, whatever came of it."""
        self._times.clear()
        limit_processor_time(self._cpu)
        told: dict[str, Any]
        answer = b""
        begin = perf_counter()
        try:
            told, answer = self._does[question["do"]](question, body)
        except BaseException as error:
            self._end_if_forked()
            told = mishap_of(error, self._directory)
        self._end_if_forked()
        told.setdefault("seconds", perf_counter() - begin)
        if question["do"] == "run":
            told["functions"] = self._functions(told["seconds"])
        for stream in (sys.stdout, sys.stderr):
            with suppress(BaseException):  # whatever the handler has put there
                stream.flush()
        memory, threads = footprint()
        return {"outcome": "ok", "memory": memory, "threads": threads, "loads": self._loads, **told}, answer

    def _end_if_forked(self) -> None:
        if getpid() != self._pid:
            _exit(0)

    def _import(self, _question: dict[str, Any], _body: bytes) -> Told:
        package = import_package(self._directory, self._model_name)
        module = vars(sys.modules[package.source.stem])
        if isinstance(module.get("model_fn"), FunctionType):
            module["model_fn"] = self._watched(module["model_fn"])  # for calls from within the package
        self._package = package
        return {"own": sorted(package.own), "callable": sorted(package.functions)}, b""

    def _watched(self, model_fn: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(model_fn)
        def call(*arguments: Any, **named: Any) -> Any:
            begin = perf_counter()
            model = model_fn(*arguments, **named)
            self._note_load(model, perf_counter() - begin)
            return model

        return call

    def _note_load(self, model: Any, seconds: float) -> None:
        """Count a call of ``model_fn``, unless it only gave what the first one had loaded."""
        if self._first is None:
            self._first = model, seconds
        elif model is self._first[0] and seconds < max(CACHED_SECONDS, self._first[1] / 2):
            return
        self._loads += 1

    def _load(self, _question: dict[str, Any], _body: bytes) -> Told:
        package = self._package
        if package is None:
            raise DocumentError(str(self._directory), "is not imported")
        package.functions = {name: self._timed(name, each) for name, each in package.functions.items()}
        begin = perf_counter()
        handler = package.load()
        seconds = perf_counter() - begin
        self._note_load(handler.model, self._times["model_fn"])
        self._handler = handler
        return {"seconds": seconds, "value": _described(handler.model, digest=False)}, b""

    def _timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        times = self._times

        def call(*arguments: Any) -> Any:
            begin = perf_counter()
            try:
                return function(*arguments)
            finally:
                times[name] = times.get(name, 0.0) + perf_counter() - begin

        return call

    def _loaded(self) -> tuple[Package, Handler]:
        if self._package is None or self._handler is None:
            raise DocumentError(str(self._directory), "is not loaded")
        return self._package, self._handler

    def _run(self, question: dict[str, Any], body: bytes) -> Told:
        _, handler = self._loaded()
        answer, kind = handler.invoke(body, question["content_type"], question["accept"])
        return {"content_type": kind}, self._whole(answer)

    def _functions(self, seconds: float) -> dict[str, float]:
        """Times by function; the last one's holds what an answer in pieces took, for the handler makes them."""
        times = dict(self._times)
        last = next((name for name in ("output_fn", "transform_fn") if name in times), None)
        if last is not None:
            times[last] = seconds - sum(took for name, took in times.items() if name != last)
        return times

    def _whole(self, answer: bytes | Iterator[bytes]) -> bytes:
        pieces, size = [], 0
        for piece in (answer,) if isinstance(answer, bytes) else answer:
            pieces.append(piece)
            size += len(piece)
            if size > self._most:
                raise AnswerTooLargeError(f"the answer has more than {self._most} bytes")
        return b"".join(pieces)

    def _call(self, question: dict[str, Any], body: bytes) -> Told:
        package, handler = self._loaded()
        name = question["function"]
        arguments = self._arguments(question["arguments"], body)
        content_type: str | None = None
        accept: str | None = None
        if name == "input_fn":
            data, content_type = arguments
            arguments = [_received(data, content_type), content_type]
        elif name == "output_fn":
            prediction, accept = arguments
            arguments = [prediction, accepted(accept)]
        elif name == "transform_fn":
            model, data, content_type, accept = arguments
            arguments = [model, _received(data, content_type), content_type, accepted(accept)]
        package.context.take(content_type, accept)
        begin = perf_counter()
        value = handler.functions[name](*arguments)
        seconds = perf_counter() - begin
        self._end_if_forked()
        self._kept[question["keep"]] = value
        told: dict[str, Any] = {"seconds": seconds, "value": _described(value, digest=True)}
        if name not in ("output_fn", "transform_fn"):
            return told, b""
        told["proper"] = _proper(value)
        try:
            answer, kind = handler.answered(value, accept)
            whole = self._whole(answer)
        except Exception as error:
            return {**told, **mishap_of(error, self._directory)}, b""
        told["seconds"] = perf_counter() - begin if isinstance(answer, Iterator) else seconds
        return {**told, "content_type": kind, "has_body": True}, whole

    def _arguments(self, given: list[Any], body: bytes) -> list[Any]:
        """Text and None stand as they are, bytes for their length in the body, kept values for their number."""
        arguments: list[Any] = []
        place = 0
        for kind, what in given:
            if kind == "bytes":
                arguments.append(body[place : place + what])
                place += what
            elif kind == "kept":
                arguments.append(self._loaded()[1].model if what == 0 else self._kept[what])
            else:
                arguments.append(what)
        return arguments

    def _forget(self, _question: dict[str, Any], _body: bytes) -> Told:
        self._kept.clear()
        return {}, b""


def _proper(value: Any) -> bool:
    if isinstance(value, tuple) and value:
        value = value[0]
    return isinstance(value, str | bytes | bytearray | memoryview | Iterator)


def _received(data: Any, content_type: str | None) -> Any:
    return received(data, content_type) if isinstance(data, bytes) else data


def _described(value: Any, digest: bool) -> dict[str, str]:
    return {
        "type": type_of(value),
        "words": words_of(value),
        "digest": digest_of(value) if digest else "",
    }
