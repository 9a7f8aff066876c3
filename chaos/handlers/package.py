"""A SageMaker-style model package: a directory with model files and ``code/inference.py``, imported and loaded.

The contract is the SageMaker Inference Toolkit's: ``model_fn``, then ``input_fn``, ``predict_fn`` and ``output_fn`` or
one ``transform_fn``, each with an optional trailing ``context``; before and after loading, ``pre_model_fn`` and
``model_warmup_fn``. Beyond it, where the toolkit would fail: a package may say how it predicts several requests at
once (``predict_batch_fn`` takes a list of what ``input_fn`` gave, and gives a prediction for each), a model that can be
called needs no ``predict_fn``, and an answer may come in pieces.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from chaos.errors import DocumentError
from chaos.handlers.context import HandlerContext
from chaos.handlers.formats import decode, encode
from chaos.handlers.handler import Handler
from chaos.handlers.modules import Modules
from chaos.handlers.torchserve import MANIFEST, adapted, mar_handler

__all__ = [
    "ENTRY_POINT",
    "FUNCTIONS",
    "Handler",
    "HandlerContext",
    "Package",
    "import_package",
    "is_package",
    "load_package",
]

ENTRY_POINT = Path("code") / "inference.py"

FUNCTIONS: Mapping[str, int] = {
    "pre_model_fn": 1,
    "model_fn": 1,
    "model_warmup_fn": 2,
    "input_fn": 2,
    "predict_fn": 2,
    "predict_batch_fn": 2,
    "output_fn": 2,
    "transform_fn": 4,
}
"""The functions of a package, and how many parameters each has without the context."""

_INSTEAD = ("input_fn", "predict_fn", "output_fn")


class Package:
    """A package that is imported, its functions checked and at hand. Its model is not loaded.

    :ivar source: the entry point, usually ``code/inference.py``
    :ivar own: the functions that the package itself defines; the others are defaults
    :ivar functions: all by name. They take no context, and the modules of their package are in place when they run.
        ``transform_fn`` is there only if the package defines it, and then the three that it replaces are not.
    """

    def __init__(
        self,
        directory: Path,
        source: Path,
        functions: Mapping[str, Callable[..., Any]],
        context: HandlerContext,
    ) -> None:
        self.directory = directory
        self.source = source
        self.own = frozenset(functions)
        self.functions: Mapping[str, Callable[..., Any]] = _with_defaults(functions)
        self.context = context

    def load(self) -> Handler:
        """Load the model: ``pre_model_fn``, ``model_fn``, ``model_warmup_fn``.

        :raises DocumentError: with what it raised, which is the ``__cause__``; or if there is no way to predict
        """
        directory = str(self.directory)
        if "pre_model_fn" in self.own:
            self._call("pre_model_fn", directory)
        model = self._call("model_fn", directory)
        if "model_warmup_fn" in self.own:
            self._call("model_warmup_fn", directory, model)
        if self.own.isdisjoint({"transform_fn", "predict_fn", "predict_batch_fn"}) and not callable(model):
            raise DocumentError(
                str(self.source),
                f"there is no predict_fn, and the model ({type(model).__name__}) cannot be called",
                "define predict_fn(data, model)",
            )
        return Handler(self.functions, model, self.context)

    def _call(self, name: str, *arguments: Any) -> Any:
        try:
            return self.functions[name](*arguments)
        except Exception as error:
            problem = f"{name} failed: {type(error).__name__}: {error}"
            raise DocumentError(str(self.source), problem) from error


def is_package(directory: Path) -> bool:
    """Whether a directory looks like a model package."""
    return (directory / ENTRY_POINT).is_file() or (directory / MANIFEST).is_file()


def load_package(directory: Path, model_name: str = "") -> Handler:
    """Import a package and load its model.

    :raises DocumentError: if it is missing, cannot be imported, breaks the contract, or its model does not load
    """
    return import_package(directory, model_name).load()


def import_package(directory: Path, model_name: str = "") -> Package:
    """Import a package: its ``code/inference.py``, or the handler that the manifest of an extracted ``.mar`` names.

    Two packages in one process never see each other's modules (see :class:`~chaos.handlers.modules.Modules`).

    :raises DocumentError: if it is missing, cannot be imported, or breaks the contract
    """
    directory = directory.absolute()
    mar = mar_handler(directory) if (directory / MANIFEST).is_file() else None
    source = mar.source if mar is not None else _entry_point(directory)
    context = HandlerContext(model_name or directory.name, str(directory), mar.manifest if mar else None)
    modules = Modules(source, *dict.fromkeys((source.parent, directory) if mar else (source.parent,)))
    module = modules.load()
    try:
        functions = _functions(module, source, context, modules)
        if mar is not None and "model_fn" not in functions:
            wrapped = adapted(module, source, mar.function, context)
            functions = {name: _entering(function, modules) for name, function in wrapped.items()}
        _check(functions, source)
        if "transform_fn" in functions:
            functions.pop("predict_batch_fn", None)  # the toolkit does not know it
    except DocumentError:
        modules.leave()
        raise
    return Package(directory, source, functions, context)


def _entry_point(directory: Path) -> Path:
    source = directory / ENTRY_POINT
    if not source.is_file():
        raise DocumentError(str(source), "there is no such handler", f"a model package holds {ENTRY_POINT}")
    return source


def _functions(
    module: ModuleType, source: Path, context: HandlerContext, modules: Modules
) -> dict[str, Callable[..., Any]]:
    found = {name: getattr(module, name, None) for name in FUNCTIONS}
    return {
        name: _bound(function, name, source, context, modules)
        for name, function in found.items()
        if function is not None
    }


def _bound(
    function: Any, name: str, source: Path, context: HandlerContext, modules: Modules
) -> Callable[..., Any]:
    """The package's function, without the context that it may want."""
    if not callable(function):
        raise DocumentError(str(source), f"{name} is not a function")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise DocumentError(
            str(source), f"{name} is async, which a worker does not await", "make it a plain def"
        )
    count = FUNCTIONS[name]
    try:
        taken = len(inspect.signature(function).parameters)
    except ValueError:
        raise DocumentError(str(source), f"{name} does not say its parameters", "write a plain def") from None
    if taken == count:
        return _entering(function, modules)
    if taken == count + 1:
        return _entering(function, modules, context)
    raise DocumentError(
        str(source), f"{name} takes {taken} parameters", f"it takes {count}, or {count + 1} with the context"
    )


def _entering(function: Callable[..., Any], modules: Modules, *context: HandlerContext) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        modules.enter()
        return function(*arguments, *context)

    return call


def _check(functions: Mapping[str, Callable[..., Any]], source: Path) -> None:
    if "model_fn" not in functions:
        raise DocumentError(str(source), "there is no model_fn", "define model_fn(model_dir)")
    beside = [name for name in _INSTEAD if name in functions]
    if "transform_fn" in functions and beside:
        raise DocumentError(
            str(source), f"transform_fn stands beside {', '.join(beside)}", "keep one or the other"
        )


def _with_defaults(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    if "transform_fn" in own:
        return dict(own)
    functions: dict[str, Callable[..., Any]] = {"input_fn": decode, "output_fn": encode, **own}
    if "predict_fn" not in own:
        batch = own.get("predict_batch_fn")
        functions["predict_fn"] = _batch_of_one(batch) if batch is not None else _call_model
    functions.setdefault("predict_batch_fn", _one_by_one(functions["predict_fn"]))
    return functions


def _call_model(data: Any, model: Callable[[Any], Any]) -> Any:
    return model(data)


def _one_by_one(predict_fn: Callable[[Any, Any], Any]) -> Callable[[list[Any], Any], list[Any]]:
    return lambda batch, model: [predict_fn(data, model) for data in batch]


def _batch_of_one(predict_batch_fn: Callable[[list[Any], Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda data, model: next(iter(predict_batch_fn([data], model)))
