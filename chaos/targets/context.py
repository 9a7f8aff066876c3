"""What an adapter is given beside its URL, and how it reports each operation on the control plane.

Every operation is reported with its invocation, completion and one of three outcomes: ``ok``; ``fail``,
which took no effect; and ``info``, of which nobody knows whether it did.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.errors import TargetError

__all__ = ["Owe", "Record", "TargetContext", "UnansweredError", "ignore", "owe_nothing", "recorded"]

Record = Callable[[str, str, str, float, float, str], None]
"""Takes operation, model (empty if about none), outcome, start, end (monotonic clock, seconds), detail."""

Owe = Callable[[str, Sequence[str], Mapping[str, Any]], Callable[[], None]]
"""Told, before it is done, of what must be undone even if all of us are killed: who undoes it
(``package.module:Class`` with a static coroutine ``revert(undo) -> str``), what is touched in words, and all that
``revert`` needs to know (JSON). What it returns is called when it has been undone in order."""


class UnansweredError(TargetError):
    """No answer to what was sent, or none that tells: whether it took effect is unknown."""


def ignore(operation: str, model: str, outcome: str, start: float, end: float, detail: str) -> None:
    """A :data:`Record` for who does not want to know."""


def owe_nothing(_by: str, _touches: Sequence[str], _undo: Mapping[str, Any]) -> Callable[[], None]:
    """An :data:`Owe` for who keeps no ledger."""
    return lambda: None


@dataclass(frozen=True, slots=True)
class TargetContext:
    """What the run gives to an adapter: ``defects`` to seed (embedded platform only), the run ``directory``
    for logs (none: they are discarded), where operations are reported, and the ledger of what it owes.

    ``link_api`` is the address of a fault proxy's API, through which the target is to run those of its own links that
    ``links`` names (embedded platform only: ``replica``, ``manager``).
    """

    defects: tuple[str, ...] = ()
    directory: Path | None = None
    record: Record = ignore
    owe: Owe = owe_nothing
    link_api: str = ""
    links: tuple[str, ...] = ()


@contextmanager
def recorded(record: Record, operation: str, model: str = "") -> Iterator[None]:
    """Report what happens inside as one operation, also if it is cancelled; the error goes on."""
    start = time.monotonic()
    outcome, detail = "info", "cut short"
    try:
        yield
        outcome, detail = "ok", ""
    except UnansweredError as error:
        outcome, detail = "info", str(error)
        raise
    except TargetError as error:
        outcome, detail = "fail", str(error)
        raise
    finally:
        record(operation, model, outcome, start, time.monotonic(), detail)
