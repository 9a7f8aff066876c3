"""What an adapter is given beside its URL, and how it reports each operation on the control plane.

Every operation is reported with its invocation, completion and one of three outcomes: ``ok``; ``fail``,
which took no effect; and ``info``, of which nobody knows whether it did.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chaos.errors import TargetError

__all__ = ["Record", "TargetContext", "UnansweredError", "ignore", "recorded"]

Record = Callable[[str, str, str, float, float, str], None]
"""Takes operation, model (empty if about none), outcome, start, end (monotonic clock, seconds), detail."""


class UnansweredError(TargetError):
    """No answer to what was sent, or none that tells: whether it took effect is unknown."""


def ignore(operation: str, model: str, outcome: str, start: float, end: float, detail: str) -> None:
    """A :data:`Record` for who does not want to know."""


@dataclass(frozen=True, slots=True)
class TargetContext:
    """What the run gives to an adapter: ``defects`` to seed (embedded platform only), the run ``directory``
    for logs (none: they are discarded), and where operations are reported."""

    defects: tuple[str, ...] = ()
    directory: Path | None = None
    record: Record = ignore


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
