"""Programs read from files, to be run again: counterexamples as experiments, or the bare steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chaos.documents import read_value
from chaos.errors import DocumentError
from chaos.operations.program import Program, parse_program

__all__ = ["read_program"]


def read_program(path: Path) -> Program:
    """The program in a file: the ``operate`` actions of an experiment, or a list of steps.

    :raises DocumentError: if it cannot be read, or holds none
    """
    value = read_value(path)
    if isinstance(value, dict) and isinstance(value.get("method"), list):
        value = [_arguments(each) for each in value["method"] if _operates(each)]
    if not isinstance(value, list) or not value:
        remedy = "name a counterexample.json that `chaos verify` wrote, or a list of steps"
        raise DocumentError(str(path), "there is no program in it", remedy)
    return parse_program(value, str(path))


def _operates(activity: Any) -> bool:
    provider = activity.get("provider") if isinstance(activity, dict) else None
    return isinstance(provider, dict) and (provider.get("module"), provider.get("func")) == (
        "chaos.actions",
        "operate",
    )


def _arguments(activity: Any) -> Any:
    return activity["provider"].get("arguments", {})
