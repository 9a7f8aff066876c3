"""How far a matrix is, folded from its events: what each cell is, what is measured now, how long the rest takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import fmean

from chaos.history import Event
from chaos.properties.table import Cell

__all__ = ["Progress"]


@dataclass(slots=True)
class Progress:
    """``verdicts`` holds what each cell that was measured is: pass, fail, unknown or not_applicable.

    Instants are of the monotonic clock, in seconds.
    """

    cells: tuple[Cell, ...] = ()
    verdicts: dict[Cell, str] = field(default_factory=dict)
    running: tuple[Cell, ...] = ()
    since: float = 0.0
    start: float = 0.0
    now: float = 0.0
    seed: int = 0
    target: str = ""
    defects: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)
    _took: dict[str, list[float]] = field(default_factory=dict)

    def feed(self, event: Event) -> None:
        """Take in an event."""
        self.now = event["at"]
        match event["kind"]:
            case "matrix":
                self.cells = tuple(_cell(name) for name in event["cells"])
                self.seed, self.target = event["seed"], event["target"]
                self.defects, self.start = tuple(event["defects"]), event["at"]
            case "measuring":
                self.running = tuple(Cell(api, event["code"]) for api in event["apis"])
                self.since = event["at"]
            case "measured":
                ended = [Cell(cell["api"], cell["code"]) for cell in event["cells"]]
                self.verdicts |= {
                    cell: told["verdict"] for cell, told in zip(ended, event["cells"], strict=True)
                }
                if self.running:
                    # what cells measured together took, each took its share of
                    share = (event["at"] - self.since) / len(self.running)
                    self._took.setdefault(self.running[0].code, []).append(share)
                self.running = ()
            case "problem":
                self.problems.append(event["text"])

    def left(self, now: float) -> float | None:
        """Seconds that the rest will take, as those of the same property took, else as all did; None if none has."""
        if not self._took:
            return None
        usual = fmean(share for shares in self._took.values() for share in shares)
        due = sum(self._expected(cell, usual) for cell in self.cells if cell not in self.verdicts)
        return max(0.0, due - (now - self.since if self.running else 0.0))

    def count(self, verdict: str, cells: Iterable[Cell] | None = None) -> int:
        """How many cells are so."""
        return sum(self.verdicts.get(cell) == verdict for cell in (self.cells if cells is None else cells))

    def _expected(self, cell: Cell, usual: float) -> float:
        took = self._took.get(cell.code)
        return fmean(took) if took else usual


def _cell(name: str) -> Cell:
    api, _, code = name.partition(":")
    return Cell(api, code)
