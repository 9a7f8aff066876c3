"""Runs a calibration: each trial is a matrix of its own, in a directory of its own, on a platform of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos import __version__
from chaos.errors import ChaosError, single
from chaos.history import Event, HistoryWriter, read_history
from chaos.matrix.calibration import Calibration
from chaos.matrix.calibration_table import render_table
from chaos.matrix.directory import mend
from chaos.matrix.plan import Asked, MatrixPlan, Settings, make_plan
from chaos.matrix.run import Matrix
from chaos.matrix.trials import Trial
from chaos.reporting.matrix.summary import MatrixSummary, verdict_said
from chaos.reporting.terminal import View
from chaos.reporting.write import write_file
from chaos.session.places import usable

__all__ = ["Calibrating", "CalibrationPlan", "begun"]


@dataclass(frozen=True, slots=True)
class CalibrationPlan:
    """All that a calibration needs to know; ``loaded``: while others take all cores."""

    directory: Path
    seed: int
    trials: tuple[Trial, ...]
    settings: Settings
    loaded: bool = False

    def check(self, before: Event) -> None:
        """Hold it against what was begun in its directory: trials may be added, the rest has to be the same.

        :raises ChaosError: if it is not
        """
        settings = {code: dict(given) for code, given in self.settings.items()}
        for name, now, then in (
            ("--seed", self.seed, before["seed"]),
            ("--set", settings, before["settings"]),
            ("--load", self.loaded, before["loaded"]),
        ):
            if now != then:
                raise ChaosError(
                    f"{self.directory}: the calibration there was begun with another {name} ({then}, not {now}; "
                    "choose another directory with --out)"
                )

    @property
    def about(self) -> str:
        """What is tried, in a sentence."""
        correct = sum(not trial.defect for trial in self.trials)
        runs = sum(len(trial.cells) for trial in self.trials)
        defects = len({trial.defect for trial in self.trials} - {""})
        load = ", while stress-ng took all cores" if self.loaded else ""
        given = [
            f"{code}.{name}={value:g}" for code, of in self.settings.items() for name, value in of.items()
        ]
        return (
            f"`chaos calibrate` {__version__}, seed {self.seed}: {len(self.trials)} trials with {runs} cell runs, "
            f"{correct} rounds on the correct platform and {defects} defects{load}"
            + (f"; settings {', '.join(given)}." if given else ".")
        )


class _Quiet:
    """The view of a trial: its problems and what it finds are told by the calibration."""

    def event(self, event: Event) -> None:
        """Nothing is shown."""

    def close(self) -> None:
        """Nothing is held."""


class Calibrating:
    """One run of a calibration, which goes on with what an earlier one has left: trials that ended are only judged."""

    def __init__(self, plan: CalibrationPlan, view: View) -> None:
        self.plan = plan
        self.found = Calibration(plan.loaded)
        self._view = view

    async def run(self) -> None:
        """Try everything; what was found by then is written down after each trial.

        :raises ChaosError: if the directory cannot be written to
        """
        plan = self.plan
        mend(plan.directory)
        history = HistoryWriter(plan.directory)

        def emit(kind: str, **values: Any) -> None:
            self._view.event(history.append(kind, **values))

        try:
            emit(
                "calibrate",
                seed=plan.seed,
                settings=plan.settings,
                loaded=plan.loaded,
                trials=[[trial.name, len(trial.cells)] for trial in plan.trials],
                wall=time.time(),
            )
            for trial in plan.trials:
                emit("trial", name=trial.name, cells=[str(cell) for cell in trial.cells])
                summary = await self._tried(trial, emit)
                self.found.add(trial, summary.cells)
                cells = [
                    [f"{cell.api}:{cell.code}", verdict_said(cell), cell.reason] for cell in summary.cells
                ]
                emit("tried", name=trial.name, defect=trial.defect, cells=cells)
                self._write()
        finally:
            history.close()

    async def _tried(self, trial: Trial, emit: Callable[..., None]) -> MatrixSummary:
        """Measure one; a trial that breaks off leaves cells that cannot be told."""
        matrix = Matrix(self._matrix(trial), _Quiet(), wrote=lambda _directory, _summary: None)
        try:
            await matrix.run()
        except Exception as error:
            cause = single(error)
            if not isinstance(cause, ChaosError):
                raise
            emit("problem", text=f"{trial.name}: {cause}")
        return matrix.summary

    def _matrix(self, trial: Trial) -> MatrixPlan:
        return make_plan(
            Asked(
                out=self.plan.directory / "trials" / trial.name,
                cells=",".join(map(str, trial.cells)),
                seed=trial.seed,
                defects=(trial.defect,) if trial.defect else (),
                settings={
                    code: given
                    for code, given in self.plan.settings.items()
                    if code in {cell.code for cell in trial.cells}
                },
            )
        )

    def _write(self) -> None:
        plan = self.plan
        document = {
            "version": __version__,
            "seed": plan.seed,
            "settings": plan.settings,
        } | self.found.document()
        write_file(plan.directory / "calibrate.json", json.dumps(document, indent=2) + "\n")
        write_file(plan.directory / "calibrate.md", render_table(self.found, plan.about))


def begun(directory: Path) -> Event | None:
    """How a calibration began in that directory; None if none did.

    :raises ChaosError: if there is something else in it, or it cannot be made
    """
    usable(directory)
    if not (directory / "history.jsonl").exists():
        if any(directory.iterdir()):
            raise ChaosError(
                f"{directory}: there is something else in it (choose an empty directory with --out)"
            )
        return None
    first = next(iter(read_history(directory)), None)
    if first is None or first["kind"] != "calibrate":
        raise ChaosError(
            f"{directory}: no calibration was begun there (choose an empty directory with --out)"
        )
    return first
