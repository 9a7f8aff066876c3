"""A handler as if it were a module: its functions can be called, and run in a process of their own."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chaos.errors import ChaosError, DocumentError
from chaos.handlers.archive import opened
from chaos.handlers.isolation import MODEL, Call, Isolated, Kept
from chaos.handlers.limits import Limits
from chaos.handlers.package import ENTRY_POINT, is_package
from chaos.offline.judged import error_of, told
from chaos.offline.opening import assembled

__all__ = ["Described", "HandlerCallError", "HandlerHandle"]

ROLES: Mapping[str, tuple[str, ...]] = {
    "input_fn": ("data", "content_type"),
    "predict_fn": ("data", "model"),
    "output_fn": ("prediction", "accept"),
    "transform_fn": ("model", "data", "content_type", "accept"),
}
"""What each function takes, in this order."""


class HandlerCallError(ChaosError):
    """A function of a handler did not end well; ``call`` tells how."""

    def __init__(self, call: Call) -> None:
        super().__init__(f"{call.function} {told(call.outcome, error_of(call), call.place)}")
        self.call = call


@dataclass(frozen=True, slots=True)
class Described:
    """What a function returned. The value itself stays in the handler's process; given to another function of the same
    handle, it is that value.

    :param words: such as ``ndarray float64 (3, 4)``
    :param type: its class, such as ``numpy.ndarray``
    :param body: of ``output_fn`` and ``transform_fn``: the answer that a server would send, as ``content_type``
    """

    words: str
    type: str
    kept: Kept
    body: bytes | None = None
    content_type: str = ""

    def __str__(self) -> str:
        return self.words


class HandlerHandle:
    """A handler: ``handle.input_fn(data, content_type)``, and so on. A context manager; what it started ends with it.

    :param path: a script, or a package (a directory or an archive)
    :raises DocumentError: if it is not there, or its archive cannot be trusted
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self._limits = limits
        self._package, self._process = ExitStack(), ExitStack()
        self._finalizer = weakref.finalize(self, _close, self._process, self._package)
        self._isolated: Isolated | None = None
        self._root: Path | None = None
        self._script = path
        if path.suffix != ".py":
            self._root = self._package.enter_context(opened(path)).absolute()
            self._script = self._root / ENTRY_POINT
        if not (self._root and is_package(self._root)) and not self._script.is_file():
            raise DocumentError(str(self._script), "there is no such handler", "name a script, or a package")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getattr__(self, name: str) -> Callable[..., Described]:
        if name != "model_fn" and name not in ROLES:
            raise AttributeError(name)

        def call(*arguments: Any, **named: Any) -> Described:
            by_place = dict(zip(ROLES.get(name, ("model_dir",)), arguments, strict=False))
            ended = self.call(name, {**by_place, **named})
            if ended.outcome != "ok":
                raise HandlerCallError(ended)
            return described(ended)

        return call

    def close(self) -> None:
        """End its process, and remove what was unpacked. Idempotent."""
        self._finalizer()

    def call(self, function: str, arguments: Mapping[str, Any]) -> Call:
        """Call a function.

        :param arguments: by the names that the handler gives them, or any names that tell what is what: that with
            ``model`` in it is the model, with ``accept`` what is accepted, with ``type`` the content type
        :raises DocumentError: if there is no such function, or an argument is missing or cannot be given
        """
        if function == "model_fn":
            directory = next(iter(arguments.values()), None)
            return self._load(Path(str(directory)) if directory else None)
        if function not in ROLES:
            raise DocumentError(
                function, "there is no such function", f"known are: model_fn, {', '.join(ROLES)}"
            )
        given = {_role(function, name): value for name, value in arguments.items()}
        process = self._isolated
        if process is None:
            loaded = self._load(None)
            if loaded.outcome != "ok" or self._isolated is None:
                return loaded
            process = self._isolated
        try:
            return process.call(function, *(_argument(function, role, given) for role in ROLES[function]))
        except ValueError as error:
            raise DocumentError(
                function, str(error), "give bytes, text, or what a function returned"
            ) from None

    def _load(self, model: Path | None) -> Call:
        """A new process, in which the model is loaded: that of the directory, or the package's own."""
        if not self._finalizer.alive:
            raise DocumentError(str(self._script), "the handler is closed", "load it again")
        self._process.close()
        self._isolated = None
        directory = self._root
        if directory is None or (model is not None and model.absolute() != directory):
            directory = self._process.enter_context(assembled(self._script, model))
        self._isolated = self._process.enter_context(Isolated(directory, self._limits))
        return self._isolated.load()


def described(call: Call) -> Described:
    """What a call gave that ended well."""
    value = call.value
    words, kind = (value.words, value.type) if value is not None else ("None", "NoneType")
    return Described(words, kind, call.kept or MODEL, call.body, call.content_type)


def _role(function: str, name: str) -> str:
    roles = ROLES[function]
    if name in roles:
        return name
    lowered = name.lower()
    if "accept" in roles and ("accept" in lowered or ("type" in lowered and "content_type" not in roles)):
        return "accept"
    if "content_type" in roles and "type" in lowered:
        return "content_type"
    return (
        "model"
        if "model" in roles and "model" in lowered
        else "prediction"
        if "prediction" in roles
        else "data"
    )


def _argument(function: str, role: str, given: Mapping[str, Any]) -> object:
    if role == "model":
        return MODEL
    if role not in given:
        if role == "accept":
            return ""
        raise DocumentError(function, f"there is no {role}", f"it takes {', '.join(ROLES[function])}")
    value = given[role]
    return value.kept if isinstance(value, Described) else value


def _close(*stacks: ExitStack) -> None:
    for stack in stacks:
        stack.close()
