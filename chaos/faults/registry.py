"""Faults by name, through the entry-point group ``chaos.faults``, with their arguments and their needs checked."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import ValidationError

from chaos.documents import nearest
from chaos.errors import DocumentError
from chaos.faults.base import Fault, FaultArguments, FaultError
from chaos.targets.base import Target, need

__all__ = ["arguments_of", "check_needs", "create_fault", "reference"]

GROUP = "chaos.faults"


def create_fault(name: str, arguments: dict[str, Any]) -> Fault:
    """The fault of that name, with its arguments checked.

    :raises DocumentError: if there is no such fault, or the arguments do not fit
    """
    kind = _load(name)
    try:
        fault = kind(kind.Arguments(**arguments))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "arguments"
        raise DocumentError(f"fault '{name}': {field}", first["msg"], f"given: {first['input']!r}") from None
    if not isinstance(fault, Fault):
        problem = f"{reference(fault)} is no fault: it lacks needs, inject, hold or revert"
        raise DocumentError(f"fault '{name}'", problem, "see docs/faults.md")
    return fault


def arguments_of(name: str) -> type[FaultArguments]:
    """The model of the arguments of the fault of that name.

    :raises DocumentError: if there is no such fault
    """
    model: type[FaultArguments] = _load(name).Arguments
    return model


def check_needs(name: str, fault: Fault, target: Target, link_api: str) -> None:
    """Whether all that a fault needs is there.

    :raises CapabilityError: if the target lacks a capability
    :raises FaultError: if this machine or this run lacks something
    """
    needs = fault.needs
    for capability in needs.capabilities:
        need(target, capability)
    if needs.linux and sys.platform != "linux":
        raise FaultError(f"fault '{name}' needs Linux, and this is {sys.platform}")
    if needs.root and os.geteuid() != 0:
        raise FaultError(f"fault '{name}' needs root (run it as root, or leave it out)")
    missing = [tool for tool in needs.tools if shutil.which(tool) is None]
    if missing:
        raise FaultError(f"fault '{name}' needs {', '.join(missing)} on the path (install it)")
    if needs.link and not link_api:
        raise FaultError(
            f"fault '{name}' needs a fault proxy in the run (name its links in the control: "
            '"links": ["client"])'
        )


def reference(fault: object) -> str:
    """Where a fault's class is found again: ``package.module:Class``."""
    return f"{type(fault).__module__}:{type(fault).__qualname__}"


def _load(name: str) -> Any:
    """A fault's class, sure to have ``Arguments``."""
    known = _known()
    if name not in known:
        raise DocumentError(f"fault '{name}'", "there is no such fault", nearest(name, known))
    try:
        kind = known[name].load()
    except (ImportError, AttributeError) as error:
        problem = f"{known[name].value} cannot be loaded: {error}"
        raise DocumentError(f"fault '{name}'", problem, "is its package installed completely?") from None
    model = getattr(kind, "Arguments", None)
    if not (isinstance(kind, type) and isinstance(model, type) and issubclass(model, FaultArguments)):
        problem = f"{known[name].value} is no fault: it has no Arguments, derived from FaultArguments"
        raise DocumentError(f"fault '{name}'", problem, "see docs/faults.md")
    return kind


def _known() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
