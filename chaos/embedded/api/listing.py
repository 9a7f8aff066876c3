"""What the management API and SageMaker's have in common: names of models, and the pages on which they are listed."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Set
from typing import Any

from chaos.embedded.defects import Defect
from chaos.embedded.models import Model, Refusal

__all__ = ["check_name", "integer", "model_page"]

PAGE = 100
WRITING_SHARE = 0.3
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*")


def check_name(name: str) -> None:
    """See that a model can be called so.

    :raises Refusal: 400 if not
    """
    if not _NAME.fullmatch(name):
        raise Refusal(400, "BadRequestException", f"model name {name!r}: letters, digits, '_', '-', '.' only")


def model_page(models: Mapping[str, Model], given: Mapping[str, str], defects: Set[Defect]) -> dict[str, Any]:
    """A page of the list of models, by name, with the token of the next one if there is one.

    :param given: ``limit`` and ``next_page_token``
    """
    limit = integer(given, "limit", PAGE)
    limit = limit if limit >= 0 else PAGE
    start = max(0, integer(given, "next_page_token", 0))
    names = sorted(models)
    if Defect.LIST_OMITS_SCALING in defects:
        names = [name for name in names if not models[name].lock.locked()]
    page = names[start : start + limit]
    if Defect.LIST_LEAVES_OUT in defects and time.monotonic() % 1.0 < WRITING_SHARE:
        page = page[:-1]
    document: dict[str, Any] = {}
    if start + limit < len(names):
        document["nextPageToken"] = str(start + limit)
    document["models"] = [{"modelName": name, "modelUrl": models[name].settings.url} for name in page]
    return document


def integer(given: Mapping[str, str], name: str, default: int) -> int:
    """A number; the default for anything else, without a word, as TorchServe does."""
    try:
        return int(given.get(name, default))
    except ValueError:
        return default
