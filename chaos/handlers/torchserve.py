"""TorchServe's ``.mar``: which file its handler is, and a handler of TorchServe's kind as one of SageMaker's.

``MAR-INF/MANIFEST.json`` names the handler: ``handler.py``, or ``handler.py:function``. A handler of TorchServe's kind
is that function (or ``handle``), called with None to load; or a class with ``initialize(context)`` and
``handle(data, context)``. It becomes a ``model_fn`` and a ``transform_fn``, which gives it batches of one.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from chaos.errors import DocumentError
from chaos.handlers.context import HandlerContext
from chaos.handlers.formats import JSON

__all__ = ["MANIFEST", "MarHandler", "adapted", "mar_handler"]

MANIFEST = Path("MAR-INF") / "MANIFEST.json"


@dataclass(frozen=True, slots=True)
class MarHandler:
    """An archive's handler: its file, and its function if the manifest names one."""

    source: Path
    function: str
    manifest: dict[str, Any]


def mar_handler(directory: Path) -> MarHandler:
    """The handler of an archive that was extracted to a directory.

    It is the file that the manifest names, at the root or in ``code``; if that is not there, as where the toolkit's own
    service is named, it is ``inference.py`` in either place.

    :raises DocumentError: if the manifest cannot be read, or there is no such file
    """
    from chaos.documents import read_value  # a replica seldom needs it

    manifest = read_value(directory / MANIFEST)
    model = manifest.get("model") if isinstance(manifest, dict) else None
    handler = model.get("handler") if isinstance(model, dict) else None
    if not isinstance(handler, str) or not handler:
        raise DocumentError(str(directory / MANIFEST), "it names no handler", "have 'model': {'handler': …}")
    file, _, function = handler.partition(":")
    named = file.rpartition("/")[2].removesuffix(".py").replace("\0", "")
    for name in (f"{named}.py", "inference.py"):
        for source in (directory / name, directory / "code" / name):
            if source.is_file():
                return MarHandler(source, function, manifest)
    raise DocumentError(
        str(directory / MANIFEST),
        f"its handler {handler!r} is not in the archive",
        "one of TorchServe's own needs TorchServe; add the handler's file",
    )


def adapted(
    module: ModuleType, source: Path, function: str, context: HandlerContext
) -> dict[str, Callable[..., Any]]:
    """``model_fn`` and ``transform_fn`` of a handler of TorchServe's kind.

    :raises DocumentError: if the module has neither the function nor exactly one class with both methods
    """
    entry = getattr(module, function or "handle", None)
    if entry is None and not function:
        owner = _service(module, source)

        def model_fn(_model_dir: str) -> Callable[..., Any]:
            service = owner()
            service.initialize(context)
            return service.handle  # type: ignore[no-any-return]

    elif callable(entry):

        def model_fn(_model_dir: str) -> Callable[..., Any]:
            entry(None, context)
            return entry  # type: ignore[no-any-return]

    else:
        raise DocumentError(str(source), f"there is no function {function or 'handle'}", "define it")

    def transform_fn(model: Callable[..., Any], data: bytes | str, content_type: str, accept: str) -> Any:
        answers = model([{"body": _parsed(data, content_type)}], context)
        if not isinstance(answers, list) or len(answers) != 1:
            had = f"{len(answers)} answers" if isinstance(answers, list) else f"a {type(answers).__name__}"
            raise ValueError(f"handle gave {had} for a batch of one, not a list of one")
        return answers[0], context.get_response_content_type(0) or accept

    return {"model_fn": model_fn, "transform_fn": transform_fn}


def _service(module: ModuleType, source: Path) -> type[Any]:
    classes = [
        each for _, each in inspect.getmembers(module, inspect.isclass) if each.__module__ == module.__name__
    ]
    if len(classes) != 1:
        raise DocumentError(
            str(source),
            f"it has no function handle and {len(classes)} classes, of which TorchServe wants exactly one",
            "define model_fn and the others, handle(data, context), or one class with initialize and handle",
        )
    lacking = [name for name in ("initialize", "handle") if not callable(getattr(classes[0], name, None))]
    if lacking:
        raise DocumentError(str(source), f"class {classes[0].__name__} has no {' and no '.join(lacking)}")
    return classes[0]


def _parsed(data: bytes | str, content_type: str | None) -> Any:
    """What TorchServe's worker makes of a body before a handler gets it; what it cannot parse stays as it came."""
    if content_type == JSON:
        with suppress(ValueError, RecursionError):
            return json.loads(data)
        return data.encode() if isinstance(data, str) else data
    if (content_type or "").startswith("text") and isinstance(data, bytes):
        with suppress(UnicodeDecodeError):
            return data.decode()
    return data
