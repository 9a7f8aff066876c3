"""Chaos Toolkit's journal: kept in the run directory, read for what its exit code does not say."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from chaoslib.rollback import run_rollbacks
from chaoslib.run import EventHandlerRegistry, RunEventHandler
from chaoslib.types import Activity, Configuration, Experiment, Journal, Run, Schedule, Secrets, Settings

__all__ = ["RunDirectoryHandler", "doubts", "make_json_safe"]

logger = logging.getLogger("chaostoolkit")


class RunDirectoryHandler(RunEventHandler):  # type: ignore[misc]
    """Has the rollbacks always played, and leaves a copy of the final journal in the run directory."""

    def __init__(self, encoder: Callable[[object], object]) -> None:
        self.directory: Path | None = None
        self._encoder = encoder
        self._experiment: tuple[Experiment, Configuration, Secrets] | None = None
        self._rolled_back = False

    def remember(self, experiment: Experiment, configuration: Configuration, secrets: Secrets) -> None:
        """What is needed to play the rollbacks if Chaos Toolkit does not come to it."""
        self._experiment = (experiment, configuration, secrets)

    def running(
        self,
        experiment: Experiment,
        journal: Journal,
        configuration: Configuration,
        secrets: Secrets,
        schedule: Schedule,
        settings: Settings,
    ) -> None:
        """Called before Chaos Toolkit reads its rollback strategy from these settings."""
        rollbacks = settings.setdefault("runtime", {}).setdefault("rollbacks", {})
        if rollbacks.get("strategy") != "always":
            logger.warning(
                f"Rollback strategy is 'always', not '{rollbacks.get('strategy')}': faults must not stay"
            )
            rollbacks["strategy"] = "always"

    def start_rollbacks(self, experiment: Experiment) -> None:
        """Called when Chaos Toolkit plays the rollbacks itself."""
        self._rolled_back = True

    def play_missed_rollbacks(self) -> None:
        """Play the rollbacks of an experiment that crashed before them."""
        if self._rolled_back or self._experiment is None:
            return
        self._rolled_back = True
        logger.warning("The experiment crashed before its rollbacks; playing them now")
        experiment, configuration, secrets = self._experiment
        for _run in run_rollbacks(experiment, configuration, secrets, None, None, EventHandlerRegistry(), []):
            pass

    def finish(self, journal: Journal) -> None:
        """Called last of all, after a crash too."""
        if self.directory is None or not self.directory.is_dir():
            return
        make_json_safe(journal)
        text = json.dumps(journal, indent=2, ensure_ascii=False, default=self._encode)
        temporary = self.directory / ".journal.json"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self.directory / "journal.json")

    def _encode(self, value: object) -> object:
        try:
            return self._encoder(value)
        except TypeError:
            return getattr(value, "value", repr(value))


def make_json_safe(journal: Journal) -> None:
    """Replace activities' outputs that JSON cannot hold by their text, or the journal would be lost with them."""
    for run in _runs(journal):
        try:
            json.dumps(run.get("output"))
        except (TypeError, ValueError):
            close = getattr(run["output"], "close", None)
            if close is not None and hasattr(run["output"], "cr_frame"):
                close()
            run["output"] = repr(run["output"])
            run["unserialisable"] = True


def doubts(experiment: Experiment, journal: Journal) -> list[str]:
    """What Chaos Toolkit lets pass and a verdict must not: one sentence each, none if all went as written.

    A steady state that is not met after the method is not among it: that Chaos Toolkit calls deviated. Call it
    after :func:`make_json_safe`.
    """
    found = [_doubt(run) for run in _runs(journal)]
    states = journal["steady_states"]
    if states["before"] is not None and not states["before"]["steady_state_met"]:
        found.append("the steady state was not met before the method")
    unmet = [state for state in states["during"] if state is not None and not state["steady_state_met"]]
    if unmet:
        found.append(
            f"the steady state was not met in {len(unmet)} of {len(states['during'])} checks during the method"
        )
    missing = len(experiment.get("method") or []) - len(journal["run"])
    if missing > 0 and journal["status"] == "completed":
        found.append(f"{missing} activities of the method were not played")
    return [text for text in found if text]


def _doubt(run: Run) -> str:
    activity: Activity = run["activity"]
    what = f"{activity.get('type', 'activity')} '{activity.get('name')}'"
    if run.get("unserialisable"):
        return f"{what} returned {run['output']}, which is no JSON (Chaos Toolkit does not await coroutines)"
    status = run.get("status")
    if status == "succeeded":
        return ""
    lines = [line.strip() for line in run.get("exception", [])]
    return f"{what} {status or 'did not end'}" + (f": {lines[-1]}" if lines else "")


def _runs(journal: Journal) -> Iterator[dict[str, Any]]:
    states = journal["steady_states"]
    for state in (states["before"], *states["during"], states["after"]):
        yield from (state or {}).get("probes", [])
    yield from journal["run"]
    yield from journal["rollbacks"]
