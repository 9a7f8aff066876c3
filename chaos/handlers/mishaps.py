"""What came out of a handler's function in place of a value, as a result: outcome, words, place, status."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from chaos.errors import DocumentError
from chaos.handlers.failures import failure_of

__all__ = ["mishap_of", "place_in"]

LONGEST = 2000
"""Characters of an error that are told."""


def mishap_of(error: BaseException, directory: Path) -> dict[str, Any]:
    """``outcome``, ``error``, ``error_type``, ``status`` and ``place``; ``code`` as well if it ends the process.

    What a package raises while it is loaded comes with what the harness says about it; the former is told.
    """
    cause = error
    if isinstance(error, DocumentError):
        cause = error.__cause__ or error
    told = {
        "error": _text(cause, directory),
        "error_type": type(cause).__name__,
        "place": _place(cause, directory),
        "status": None,
    }
    if isinstance(cause, SystemExit):
        code = _exit_code(cause)
        return {
            **told,
            "outcome": "exited",
            "code": code,
            "error": f"ended its process with exit code {code}",
        }
    if isinstance(cause, MemoryError):
        return {**told, "outcome": "memory", "error": told["error"] or "out of memory", "status": 500}
    try:
        failure = failure_of(cause)
        message = failure.message[:LONGEST] if failure.stated else told["error"]
        outcome = "refused" if failure.refused else "raised"
        return {**told, "outcome": outcome, "error": message, "status": int(failure.status)}
    except BaseException:  # a property of the handler's own
        return {**told, "outcome": "raised", "status": 500}


def place_in(file: str, line: int | None, directory: Path) -> str:
    """A line of a package as ``code/inference.py:12``; empty if the file is not in it."""
    inside = str(directory) + os.sep
    return f"{file.removeprefix(inside)}:{line}" if file.startswith(inside) and line else ""


def _place(error: BaseException, directory: Path) -> str:
    """The innermost line of the package in its traceback."""
    found, trace = "", error.__traceback__
    while trace is not None:
        found = place_in(trace.tb_frame.f_code.co_filename, trace.tb_lineno, directory) or found
        trace = trace.tb_next
    if not found and isinstance(error, SyntaxError) and isinstance(error.filename, str):
        return place_in(error.filename, error.lineno, directory)
    return found


def _text(error: BaseException, directory: Path) -> str:
    try:
        if isinstance(error, DocumentError):  # without the place, which is told beside
            text = f"{error.problem} ({error.remedy})" if error.remedy else error.problem
        else:
            text = str(error)
        return text[:LONGEST]
    except BaseException:
        return "it has no words"


def _exit_code(end: SystemExit) -> int:
    """As the interpreter has it: None is 0, a number itself, all else is printed and 1."""
    if end.code is None:
        return 0
    return end.code & 0xFF if isinstance(end.code, int) else 1
