"""Which property is asked of which API: the table of the first seed, 32 cells (MISSION.md, M0)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chaos.errors import ChaosError

__all__ = ["APIS", "BEYOND", "CODES", "TABLE", "Cell", "parse_cells"]

CODES = {
    "A": "determinism",
    "B": "drift",
    "C": "isolation",
    "D": "linear scaling",
    "E": "concurrency",
    "F": "preservation",
    "G": "release",
    "H": "grace",
    "I": "rollback",
    "J": "idempotence",
}
"""The properties by their codes."""

APIS = {
    "register": "register model",
    "inference": "inference",
    "batch_inference": "batch inference",
    "handlers": "custom model handlers",
    "scale": "scale workers",
    "unregister": "unregister model",
    "health": "health check",
    "api_description": "API description",
    "describe": "model describe",
    "list": "list models",
}
"""The APIs by the names that cells have."""


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One property asked of one API."""

    api: str
    code: str

    def __str__(self) -> str:
        return f"{self.api}:{self.code}"


TABLE = tuple(
    Cell(api, code)
    for api, codes in {
        "register": "ABFJ",
        "inference": "ABC",
        "batch_inference": "ABC",
        "handlers": "C",
        "scale": "DGIFJ",
        "unregister": "DGIJ",
        "health": "ABE",
        "api_description": "ABE",
        "describe": "ABE",
        "list": "ABE",
    }.items()
    for code in codes
)
"""The 32 cells of the table."""

BEYOND = (Cell("scale", "H"), Cell("unregister", "H"), Cell("inference", "E"), Cell("batch_inference", "E"))
"""Cells that can be measured too: the table asks grace of no API, and concurrency not of inference."""


def parse_cells(text: str) -> tuple[Cell, ...]:
    """The cells that a list names: ``table``, ``all``, a code, an API, or ``API:CODE``, separated by commas.

    :raises ChaosError: if a word names none; the message says what there is
    """
    known = (*TABLE, *BEYOND)
    found: dict[Cell, None] = {}
    for word in (part.strip() for part in text.split(",")):
        if word:
            found.update(dict.fromkeys(_named(word, known)))
    if not found:
        raise ChaosError("no cells are named (give 'table', 'all', a code A to J, an API, or API:CODE)")
    return tuple(cell for cell in known if cell in found)


def _named(word: str, known: tuple[Cell, ...]) -> Iterator[Cell]:
    if word == "table":
        return iter(TABLE)
    named = [cell for cell in known if word in ("all", str(cell), cell.code, cell.api)]
    if not named:
        cells = ", ".join(map(str, known))
        raise ChaosError(
            f"there is no cell '{word}' (give 'table', 'all', a code, an API, or one of {cells})"
        )
    return iter(named)
