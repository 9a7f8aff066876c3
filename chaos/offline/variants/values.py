"""JSON values as trees: the places in one, and a copy with one place changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["Path", "at", "changed", "places", "replaced"]

Path = tuple[str | int, ...]

MOST = 2000
"""Of a large value only so many places are looked at."""


def places(value: Any) -> list[Path]:
    """The paths of all values in one, itself first, those of one depth together."""
    found: list[Path] = [()]
    for path in found:
        if len(found) >= MOST:
            break
        found += [(*path, step) for step in _steps(at(value, path))][: MOST - len(found)]
    return found


def at(value: Any, path: Path) -> Any:
    """What is there."""
    for step in path:
        value = value[step]
    return value


def replaced(value: Any, path: Path, new: Any) -> Any:
    """A copy with something else there. What is beside the path is shared, not copied."""
    return changed(value, path, lambda _old: new)


def changed(value: Any, path: Path, change: Callable[[Any], Any]) -> Any:
    """A copy in which what is there has become something else."""
    if not path:
        return change(value)
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], change)
    return copy


def _steps(value: Any) -> Iterator[str | int]:
    if isinstance(value, dict):
        yield from value
    elif isinstance(value, list):
        yield from range(min(len(value), MOST))
