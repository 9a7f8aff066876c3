"""What of a matrix is measured in one go: a cell by itself, or the cells of a property that may be soaked together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chaos.cells.measuring import PROCEDURES
from chaos.properties.table import CODES, Cell

__all__ = ["Group", "groups_of"]


@dataclass(frozen=True, slots=True)
class Group:
    """Cells of one property that one measurement yields. ``name`` is that of their directory."""

    name: str
    code: str
    apis: tuple[str, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """They themselves."""
        return tuple(Cell(api, self.code) for api in self.apis)


def groups_of(cells: Sequence[Cell]) -> tuple[Group, ...]:
    """The groups of these cells: by property in the order of the codes, then in the order given."""
    found: list[Group] = []
    for code in CODES:
        apis = tuple(cell.api for cell in cells if cell.code == code)
        if apis and PROCEDURES[code].together:
            found.append(Group(code, code, apis))
        else:
            found += [Group(f"{api}-{code}", code, (api,)) for api in apis]
    return tuple(found)
