"""A SageMaker-style model package: a directory with model files and ``code/inference.py``, loaded and invoked.

The contract is the SageMaker Inference Toolkit's: ``model_fn``, then ``input_fn``, ``predict_fn`` and
``output_fn`` or one ``transform_fn``, each with an optional trailing ``context``. Beyond it, a package may say how it
predicts several requests at once: ``predict_batch_fn`` takes a list of what ``input_fn`` gave, and gives a prediction
for each.
"""

from __future__ import annotations

import importlib.util
import inspect
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from chaos.errors import DocumentError
from chaos.handlers.formats import JSON, HandlerInputError, choose_accept, decode, encode

__all__ = ["ENTRY_POINT", "Handler", "HandlerContext", "is_package", "load_package"]

ENTRY_POINT = Path("code") / "inference.py"

_PARAMETERS = {
    "model_fn": 1,
    "input_fn": 2,
    "predict_fn": 2,
    "predict_batch_fn": 2,
    "output_fn": 2,
    "transform_fn": 4,
}
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class HandlerContext:
    """What a function with a trailing ``context`` gets; the same one for model loading and for requests."""

    model_name: str
    system_properties: dict[str, str] = field(default_factory=dict)


class Handler:
    """A loaded package. Not thread-safe: one request, or one batch, at a time, as in a worker."""

    def __init__(self, functions: dict[str, Callable[..., Any]], model: Any) -> None:
        self._functions = functions
        self._model = model

    def invoke(
        self, body: bytes, content_type: str = JSON, accept: str = ""
    ) -> tuple[bytes | Iterator[bytes], str]:
        """Answer one request: the answer's body and its content type.

        An ``output_fn`` or ``transform_fn`` that returns an iterator (a generator) of text or bytes answers in
        pieces, none of them empty; what the iterator raises comes out of the one returned here.

        :param accept: the request's ``Accept``; empty means JSON
        :raises HandlerInputError: if the body cannot be decoded or the answer not written as wanted
        :raises Exception: whatever the package's own functions raise
        """
        functions = self._functions
        if "transform_fn" in functions:
            answer = functions["transform_fn"](self._model, body, content_type, accept or JSON)
        else:
            data = functions["input_fn"](body, content_type)
            prediction = functions["predict_fn"](data, self._model)
            answer = functions["output_fn"](prediction, accept)
        return _answer(answer, accept)

    def invoke_batch(self, requests: Sequence[tuple[bytes, str, str]]) -> list[tuple[bytes, str] | Exception]:
        """Answer several requests at once: for each its answer, or the error that is its alone.

        A request's own is what comes out of its ``input_fn`` and ``output_fn``. All that could be read is predicted
        together, by ``predict_batch_fn`` or, without one, one after another. Answers in pieces become whole.

        :param requests: body, content type and ``Accept`` of each, as for :meth:`invoke`
        :raises Exception: whatever predicting raises, ``transform_fn`` included: the batch has failed as one
        """
        functions = self._functions
        results: dict[int, tuple[bytes, str] | Exception] = {}
        if "transform_fn" in functions:
            for place, request in enumerate(requests):
                try:
                    results[place] = _whole(*self.invoke(*request))
                except HandlerInputError as error:
                    results[place] = error
            return [results[place] for place in range(len(requests))]
        data: dict[int, Any] = {}
        for place, (body, content_type, _) in enumerate(requests):
            try:
                data[place] = functions["input_fn"](body, content_type)
            except Exception as error:
                results[place] = error
        predictions = list(functions["predict_batch_fn"](list(data.values()), self._model)) if data else []
        if len(predictions) != len(data):
            raise ValueError(f"predict_batch_fn gave {len(predictions)} predictions for {len(data)} requests")
        for place, prediction in zip(data, predictions, strict=True):
            accept = requests[place][2]
            try:
                results[place] = _whole(*_answer(functions["output_fn"](prediction, accept), accept))
            except Exception as error:
                results[place] = error
        return [results[place] for place in range(len(requests))]


def _answer(answer: object, accept: str) -> tuple[bytes | Iterator[bytes], str]:
    """What a function gave, and its content type."""
    answer, kind = answer if isinstance(answer, tuple) else (answer, accept)
    if isinstance(answer, Iterator):
        return filter(None, map(_as_bytes, answer)), kind or JSON
    return _as_bytes(answer), kind or JSON


def _whole(answer: bytes | Iterator[bytes], kind: str) -> tuple[bytes, str]:
    return answer if isinstance(answer, bytes) else b"".join(answer), kind


def _as_bytes(answer: object) -> bytes:
    if isinstance(answer, str):
        return answer.encode()
    if not isinstance(answer, bytes | bytearray | memoryview):
        raise TypeError(f"the handler's answer is a {type(answer).__name__}, not bytes or text")
    return bytes(answer)


def is_package(directory: Path) -> bool:
    """Whether a directory looks like a model package."""
    return (directory / ENTRY_POINT).is_file()


def load_package(directory: Path, model_name: str = "") -> Handler:
    """Load a package and its model.

    Its ``inference.py`` becomes a module of its own: two packages never see each other's, nor each other's
    helper modules, which are imported from the package's ``code`` directory while it loads.

    :raises DocumentError: if it is missing, cannot be imported, or breaks the contract
    """
    source = directory / ENTRY_POINT
    if not source.is_file():
        raise DocumentError(str(source), "there is no such handler", f"a model package holds {ENTRY_POINT}")
    module = _import(source)
    context = HandlerContext(model_name or directory.name, {"model_dir": str(directory)})
    functions = {name: _bind(module, name, count, context, source) for name, count in _PARAMETERS.items()}
    given = {name: function for name, function in functions.items() if function is not None}
    if "model_fn" not in given:
        raise DocumentError(str(source), "there is no model_fn", "define model_fn(model_dir)")
    extra = sorted(given.keys() & {"input_fn", "predict_fn", "predict_batch_fn", "output_fn"})
    if "transform_fn" in given and extra:
        raise DocumentError(
            str(source), f"transform_fn stands beside {', '.join(extra)}", "keep one or the other"
        )
    try:
        model = given["model_fn"](str(directory))
    except Exception as error:
        raise DocumentError(str(source), f"model_fn failed: {type(error).__name__}: {error}") from error
    if "transform_fn" not in given:
        given.setdefault("input_fn", decode)
        given.setdefault("output_fn", encode)
        if "predict_fn" not in given and "predict_batch_fn" in given:
            given["predict_fn"] = _batch_of_one(given["predict_batch_fn"])
        if "predict_fn" not in given and not callable(model):
            raise DocumentError(
                str(source),
                f"there is no predict_fn, and the model ({type(model).__name__}) cannot be called",
                "define predict_fn(data, model)",
            )
        given.setdefault("predict_fn", _call_model)
        given.setdefault("predict_batch_fn", _one_by_one(given["predict_fn"]))
        given["output_fn"] = _choosing(given["output_fn"])
    return Handler(given, model)


def _call_model(data: Any, model: Callable[[Any], Any]) -> Any:
    return model(data)


def _one_by_one(predict_fn: Callable[[Any, Any], Any]) -> Callable[[list[Any], Any], list[Any]]:
    return lambda batch, model: [predict_fn(data, model) for data in batch]


def _batch_of_one(predict_batch_fn: Callable[[list[Any], Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda data, model: next(iter(predict_batch_fn([data], model)))


def _choosing(output_fn: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """A package's own ``output_fn`` may write types that we do not know, so it is given what the client named."""
    if output_fn is encode:
        return encode
    return lambda prediction, accept: output_fn(prediction, _named(accept))


def _named(accept: str) -> str:
    first = accept.split(",", 1)[0].split(";", 1)[0].strip()
    return choose_accept(accept) if "*" in first or not first else first


def _import(source: Path) -> ModuleType:
    code = str(source.parent)
    name = f"chaos_handler_{next(_numbers)}"
    spec = importlib.util.spec_from_file_location(name, source)
    if spec is None or spec.loader is None:
        raise DocumentError(str(source), "is not a Python file")
    module = importlib.util.module_from_spec(spec)
    before = set(sys.modules)
    sys.path.insert(0, code)
    sys.modules[name] = module  # dataclasses and pickle look a module up by its name
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(name, None)
        line = getattr(error, "lineno", None) or _line_of(error, source)
        place = f"{source}:{line}" if line else str(source)
        raise DocumentError(place, f"cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(code)
        for other in set(sys.modules) - before - {name}:
            if str(getattr(sys.modules[other], "__file__", None) or "").startswith(code):
                del sys.modules[other]
    return module


def _line_of(error: BaseException, source: Path) -> int | None:
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(source):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _bind(
    module: ModuleType, name: str, count: int, context: HandlerContext, source: Path
) -> Callable[..., Any] | None:
    """The package's function, taking ``count`` parameters whether it wants the context or not."""
    function = getattr(module, name, None)
    if function is None:
        return None
    if not callable(function):
        raise DocumentError(str(source), f"{name} is not a function")
    if inspect.iscoroutinefunction(function):
        raise DocumentError(
            str(source), f"{name} is async, which a worker does not await", "make it a plain def"
        )
    taken = len(inspect.signature(function).parameters)
    if taken == count:
        return function  # type: ignore[no-any-return]
    if taken == count + 1:
        return lambda *arguments: function(*arguments, context)
    raise DocumentError(
        str(source), f"{name} takes {taken} parameters", f"it takes {count}, or {count + 1} with the context"
    )
