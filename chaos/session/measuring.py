"""Cells of the ten properties measured inside a run: beside its probes, and cut short as a fault is."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio

from chaos.cells.measuring import PROCEDURES, measure, settings_of
from chaos.documents import nearest
from chaos.errors import ChaosError, DocumentError
from chaos.properties.table import CODES, Cell, parse_cells
from chaos.session.leftovers import owe_models
from chaos.session.plan import Plan
from chaos.targets.base import Target
from chaos.targets.context import Owe

__all__ = ["Measuring", "Request", "requested", "would_measure"]

PLACE = "measure"


@dataclass(frozen=True, slots=True)
class Request:
    """A property by its code, the APIs, and the settings that are not the defaults."""

    code: str
    apis: tuple[str, ...]
    given: Mapping[str, float]


def requested(name: str, apis: str | Sequence[str], settings: Mapping[str, Any]) -> Request:
    """What an experiment asks for.

    :param name: of the property, or its code
    :param apis: their names, in a list or separated by commas; none for all that the table asks the property of
    :param settings: numbers, also as text; a blank one stays the default
    :raises DocumentError: if there is no such property, cell or setting, or a setting is no number
    """
    known = {word: code for code, title in CODES.items() for word in (code, title, title.replace(" ", "_"))}
    code = known.get(str(name), "")
    if not code:
        raise DocumentError(f"{PLACE}: property", f"there is no property '{name}'", nearest(name, known))
    if code not in PROCEDURES:
        raise DocumentError(f"{PLACE}: property", f"property '{name}' cannot be measured yet", "")
    words = apis.split(",") if isinstance(apis, str) else apis
    wanted = [word.strip() for word in words if word.strip()]
    try:
        cells = parse_cells(",".join(f"{api}:{code}" for api in wanted) or code)
    except ChaosError as error:
        raise DocumentError(f"{PLACE}: apis", str(error), "") from None
    if not wanted:
        cells = tuple(cell for cell in cells if cell in _table(code)) or cells
    numbers = {key: _number(key, value) for key, value in settings.items() if value not in ("", None)}
    try:
        settings_of(code, numbers)
    except ChaosError as error:
        raise DocumentError(f"{PLACE}: arguments", str(error), "") from None
    return Request(code, tuple(cell.api for cell in cells), numbers)


def would_measure(name: str, apis: str | Sequence[str], settings: Mapping[str, Any]) -> str:
    """For a dry run: what a measurement would touch, or why it could not be."""
    try:
        wanted = requested(name, apis, settings)
    except DocumentError as error:
        return f"{name}: could not be measured: {error}"
    cells = ", ".join(wanted.apis)
    return (
        f"{CODES[wanted.code]} of {cells}: would call the target, with models of its own that leave with it"
    )


def _table(code: str) -> tuple[Cell, ...]:
    return tuple(cell for cell in parse_cells("table") if cell.code == code)


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise DocumentError(f"{PLACE}: {name}", f"{value!r} is no finite number", "write one")
    return number


class Measuring:
    """The cells that one run measures, one property at a time.

    :param owe: writes down what must be undone, such as models on a server that is not ours
    :param emit: writes to the history
    :param entered: called with ``fault`` before a measurement and with ``recovery`` after it
    """

    def __init__(
        self, plan: Plan, owe: Owe, emit: Callable[..., Any], entered: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._owe = owe
        self._emit = emit
        self._entered = entered
        self._scope: anyio.CancelScope | None = None
        self._ended = anyio.Event()
        self.count = 0
        """How many there have been."""

    @property
    def busy(self) -> bool:
        """Whether cells are being measured."""
        return self._scope is not None

    def unless_busy(self, emit: Callable[..., Any]) -> Callable[..., object]:
        """``emit``, silent while cells are measured: they look at the target themselves, and write that down."""

        def quietly(kind: str, at: float | None = None, **values: object) -> None:
            if not self.busy:
                emit(kind, at, **values)

        return quietly

    async def measure(self, target: Target, wanted: Request, seed: int) -> bool:
        """Measure these cells; what went wrong is in their events. Whether it was cut short.

        :raises ChaosError: if others are being measured: they would disturb each other
        """
        if self.busy:
            raise ChaosError("cells are being measured already (put one 'measure' after the other)")
        self.count += 1
        tag = f"s{secrets.token_hex(3)}"
        self._ended = anyio.Event()
        settle = owe_models(self._owe, self._plan.arguments.target, self._plan.allow, tag)
        with anyio.CancelScope() as scope:
            self._scope = scope
            self._entered("fault")
            try:
                await measure(target, wanted.code, wanted.apis, seed, self._emit, wanted.given, tag=tag)
            finally:
                settle()  # whatever ended it, the procedures have cleaned up after themselves
                self._scope = None
                self._entered("recovery")
                self._ended.set()
        return scope.cancelled_caught

    def cut_short(self) -> bool:
        """Cancel the measurement, and do not wait for it; whether there was one not yet cancelled."""
        if self._scope is None or self._scope.cancel_called:
            return False
        self._scope.cancel()
        return True

    async def end(self) -> int:
        """Cut it short and wait until all that it made is gone again; how many there were."""
        if self._scope is None:
            return 0
        self.cut_short()
        await self._ended.wait()
        return 1
