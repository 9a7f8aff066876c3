"""Handlers in processes of their own, and what is left of them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from chaos.handlers.isolation import Isolated, Limits
from chaos.marks import bearers
from tests.handlers.packages import package

MARK = "TESTED_HANDLER"
PATIENT = Limits(memory=256 << 20, call=30.0, load=30.0, processes=8)
QUICK = replace(PATIENT, call=0.5)
LOAD = "def model_fn(model_dir):\n    return 2.0\n"
JSON = "application/json"
BODY = b"[1, 2, 3]"


@contextmanager
def isolated(
    directory: Path, code: str, limits: Limits = PATIENT, *, without: str = "", **more: Any
) -> Iterator[Isolated]:
    """A handler of this code. When it is closed nothing that descends from it may be left.

    :param without: what is in the command line of a process that may have lost the mark
    """
    token = uuid.uuid4().hex
    place = package(directory, code, name=token)
    with Isolated(place, limits, environment={MARK: token}, **more) as handler:
        yield handler
    assert left(token, without) == []


def left(token: str, without: str = "") -> list[int]:
    """The processes with a mark, or with these words in their command line, that are there after a moment."""
    end = time.monotonic() + 5.0
    while (found := bearers(MARK, token) + _by_words(without)) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def predict(code: str, before: str = "") -> str:
    """A package whose ``predict_fn`` is this."""
    body = "\n    ".join(code.strip().splitlines())
    return f"{before}\n{LOAD}\ndef predict_fn(data, model):\n    {body}\n    return data\n"


def _by_words(words: str) -> list[int]:
    found = []
    for process in psutil.process_iter() if words else ():
        try:
            if words in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found
