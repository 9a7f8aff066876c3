"""What a matrix is to measure: checked as a whole before anything starts, and held against what is there already."""

from __future__ import annotations

import math
import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaos.cells.measuring import PROCEDURES, settings_of
from chaos.embedded.defects import parse_defects
from chaos.errors import ChaosError
from chaos.history import read_history
from chaos.matrix.directory import Opening, openings, recorded_cells
from chaos.matrix.groups import Group, groups_of
from chaos.properties.table import CODES, Cell, parse_cells
from chaos.session.places import new_run_id, usable
from chaos.targets.options import redacted
from chaos.targets.registry import open_by_url, parse_url

__all__ = ["Asked", "MatrixPlan", "Settings", "make_plan", "parse_settings"]

DEFAULT_TARGET = "embedded"
DEFAULT_CELLS = "table"
HIDDEN = "…"
"""Stands in a recorded URL where a token was."""

Settings = Mapping[str, Mapping[str, float]]
"""What is given of the properties' settings, by code and name."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user asks for; None leaves it to what was measured in the directory before, or to the default."""

    out: Path | None = None
    target: str | None = None
    cells: str | None = None
    seed: int | None = None
    defects: tuple[str, ...] | None = None
    settings: Settings | None = None
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MatrixPlan:
    """All that a matrix needs to know."""

    directory: Path
    run_id: str
    url: str
    cells: tuple[Cell, ...]
    seed: int
    defects: tuple[str, ...]
    settings: Settings
    allow: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[Group, ...]:
        """What is measured, in order."""
        return groups_of(self.cells)

    @property
    def replay(self) -> str:
        """The command that measures the same again, elsewhere."""
        words = ["chaos", "matrix", "--target", redacted(self.url), "--seed", str(self.seed)]
        if set(self.cells) != set(parse_cells(DEFAULT_CELLS)):
            words += ["--cells", ",".join(map(str, self.cells))]
        for defect in self.defects:
            words += ["--defect", defect]
        for code, given in self.settings.items():
            for name, value in given.items():
                words += ["--set", f"{code}.{name}={value:g}"]
        for host in self.allow:
            words += ["--allow", host]
        return shlex.join(words)


def make_plan(asked: Asked) -> MatrixPlan:
    """Check what is asked for; where a matrix is in that directory already, it goes on as it began.

    :raises ChaosError: in one line, with what is wrong and the remedy
    """
    run_id = new_run_id("matrix")
    directory = asked.out or Path("reports") / run_id
    before = openings(read_history(directory)) if (directory / "history.jsonl").exists() else []
    if not before and directory.is_dir() and any(directory.iterdir()):
        raise ChaosError(f"{directory}: there is something else in it (choose an empty directory with --out)")
    plan = MatrixPlan(
        directory=directory,
        run_id=before[0]["run_id"] if before else run_id,
        url=asked.target or (before[0]["target"] if before else DEFAULT_TARGET),
        cells=_cells(asked, before),
        seed=_drawn(asked.seed, before),
        defects=tuple(before[0]["defects"]) if before and asked.defects is None else asked.defects or (),
        settings=before[0]["settings"] if before and asked.settings is None else asked.settings or {},
        allow=asked.allow,
    )
    if before:
        _same(plan, before[0])
        if asked.target is None and HIDDEN in plan.url:
            raise ChaosError(
                f"{directory}: the target's token is not written down (name the target with --target)"
            )
    parse_defects(plan.defects)
    parse_url(plan.url, plan.defects, plan.allow)
    open_by_url(plan.url, plan.defects, allow=plan.allow)
    for code, given in plan.settings.items():
        settings_of(code, given)
    usable(directory)
    return plan


def parse_settings(words: Sequence[str]) -> Settings:
    """What ``CODE.name=value`` words set.

    :raises ChaosError: if one is malformed, or names no property or no setting of it
    """
    found: dict[str, dict[str, float]] = {}
    for word in words:
        place, equals, text = word.partition("=")
        code, dot, name = place.partition(".")
        if not (equals and dot and name):
            raise ChaosError(
                f"--set '{word}': it is not of the form CODE.name=value (such as --set B.seconds=600)"
            )
        if code not in PROCEDURES:
            raise ChaosError(f"--set '{word}': there is no property '{code}' (there are {', '.join(CODES)})")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ChaosError(f"--set '{word}': '{text}' is no number (such as --set B.seconds=600)")
        settings_of(code, {name: value})
        found.setdefault(code, {})[name] = value
    return found


def _cells(asked: Asked, before: Sequence[Opening]) -> tuple[Cell, ...]:
    """Those asked for now, and those asked for before in the same directory."""
    recorded = recorded_cells(before)
    if asked.cells is None and recorded:
        return recorded
    named = parse_cells(asked.cells if asked.cells is not None else DEFAULT_CELLS)
    missing = sorted({cell.code for cell in named} - PROCEDURES.keys())
    if missing:
        raise ChaosError(
            f"the properties {', '.join(missing)} cannot be measured (choose others with --cells)"
        )
    return tuple(cell for cell in parse_cells("all") if cell in {*named, *recorded})


def _drawn(seed: int | None, before: Sequence[Opening]) -> int:
    if seed is not None:
        return seed
    return int(before[0]["seed"]) if before else secrets.randbelow(2**31)


def _same(plan: MatrixPlan, first: Opening) -> None:
    """Cells of one matrix are measured alike, or it would say nothing."""
    settings = {code: dict(given) for code, given in plan.settings.items()}
    for name, now, then in (
        ("--seed", plan.seed, first["seed"]),
        ("--target", redacted(plan.url), first["target"]),
        ("--defect", sorted(plan.defects), sorted(first["defects"])),
        ("--set", settings, first["settings"]),
    ):
        if now != then:
            raise ChaosError(
                f"{plan.directory}: the matrix there was begun with {name} {_said(then)}, not {_said(now)} "
                f"(leave {name} out to go on with it, or choose another directory with --out)"
            )


def _said(value: object) -> str:
    if isinstance(value, dict):
        value = [
            f"{code}.{name}={number:g}" for code, given in value.items() for name, number in given.items()
        ]
    if isinstance(value, list):
        return ",".join(map(str, value)) or "none"
    return str(value)
