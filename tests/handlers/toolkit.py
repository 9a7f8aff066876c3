"""The SageMaker Inference Toolkit itself, serving a package in this process, and ours beside it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sagemaker_inference.transformer import Transformer

from chaos.handlers.failures import failure_of
from chaos.handlers.formats import HandlerInputError
from chaos.handlers.modules import Modules
from chaos.handlers.package import ENTRY_POINT, load_package

__all__ = ["Answered", "Ours", "Toolkit", "agree"]


@dataclass(frozen=True)
class Answered:
    """What a client would see, and the error behind it if there is one."""

    status: int
    body: bytes = b""
    content_type: str = ""
    phrase: str = ""
    error: BaseException | None = None


class Context:
    """What the multi-model-server gives the toolkit, as far as it is used."""

    def __init__(self, model_dir: str) -> None:
        self.model_name = "mine"
        self.system_properties = {"model_dir": model_dir}
        self.request_processor: list[Any] = []
        self.status, self.phrase, self.content_type = 200, "", ""

    def begin(self, headers: dict[str, str]) -> None:
        self.status, self.phrase, self.content_type = 200, "", ""
        self.request_processor = [SimpleNamespace(get_request_properties=lambda: headers)]

    def get_request_header(self, idx: int, key: str) -> str | None:
        found: str | None = self.request_processor[idx].get_request_properties().get(key)
        return found

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        assert idx == 0
        self.status, self.phrase = code, phrase

    def set_response_content_type(self, idx: int, value: str) -> None:
        assert idx == 0
        self.content_type = value


class Telling(Transformer):  # type: ignore[misc]
    """The toolkit's transformer, which tells as well what it has caught."""

    caught: BaseException | None = None

    @staticmethod
    def handle_error(context: Any, inference_exception: Any, trace: str) -> Any:
        Telling.caught = sys.exc_info()[1]
        return Transformer.handle_error(context, inference_exception, trace)


class Toolkit:
    """A package served by the toolkit.

    :raises Exception: whatever the toolkit raises while it loads
    """

    def __init__(self, directory: Path) -> None:
        # as its own container has it: the code is on the path, and the module is called inference
        self._modules = Modules(directory / ENTRY_POINT, directory / ENTRY_POINT.parent)
        self._modules.enter()
        self._context = Context(str(directory))
        self._transformer = Telling()
        try:
            self._transformer.validate_and_initialize(str(directory), self._context)
        except BaseException:
            self._modules.leave()
            raise

    def invoke(self, body: bytes, content_type: str | None, accept: str | None) -> Answered:
        headers = {"Content-Type": content_type, "Accept": accept}
        self._modules.enter()
        self._context.begin({name: value for name, value in headers.items() if value is not None})
        Telling.caught = None
        (answer,) = self._transformer.transform([{"body": body}], self._context)
        status, phrase = self._context.status, self._context.phrase
        if Telling.caught is not None:
            return Answered(status, answer.encode(), phrase=phrase, error=Telling.caught)
        if isinstance(answer, str):
            answer = answer.encode()
        elif not isinstance(answer, bytes | bytearray):
            answer = json.dumps(answer, indent=2).encode()  # as the multi-model-server does
        return Answered(status, bytes(answer), self._context.content_type, phrase)


class Ours:
    """The same package, served by ours."""

    def __init__(self, directory: Path) -> None:
        self._handler = load_package(directory, "mine")

    def invoke(self, body: bytes, content_type: str | None, accept: str | None) -> Answered:
        try:
            answer, kind = self._handler.invoke(body, content_type, accept)
        except Exception as error:
            failure = failure_of(error)
            return Answered(failure.status, failure.message.encode(), "", failure.phrase, error)
        assert isinstance(answer, bytes)
        return Answered(200, answer, kind)


def agree(ours: Answered, theirs: Answered) -> None:
    """Assert that a client sees the same, for the same reason.

    An answer is the same byte for byte. An error has the same status and is of a class of the same name; but what the
    toolkit's defaults raise about a body, of whatever class, is one class of ours.
    """
    if ours.error is None and theirs.error is None:
        assert ours == theirs
        return
    assert ours.status == theirs.status
    if theirs.error is None:  # the package has set the status of an answer
        assert (ours.body, ours.phrase) == (theirs.body, theirs.phrase)
        return
    assert ours.error is not None
    if type(ours.error) is HandlerInputError:
        assert type(theirs.error).__module__ in (
            "builtins",
            "json.decoder",
            "zipfile",
            "zlib",
            "_pickle",
            "struct",
        )
        return
    assert type(ours.error).__name__ == type(theirs.error).__name__
    if type(ours.error).__module__ != "chaos.handlers.formats":  # which has its own words
        assert theirs.body.startswith(ours.body)
        assert ours.phrase == theirs.phrase
