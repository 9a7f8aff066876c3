"""C, isolation: what a hostile handler of one model does to the inferences of another, against its own baseline.

The victim's requests are judged as those of a probe (:mod:`chaos.properties.probed`): the share answered rightly, and a
latency quantile relative to the baseline of the same cell. Each hostile mode is judged by itself, and so is the time
after all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chaos.properties.base import CannotTell, Measure
from chaos.properties.probed import Probed, as_measure
from chaos.properties.record import CellRecord
from chaos.sla.documents import Objective
from chaos.sla.results import ObjectiveResult, Verdict, Window

__all__ = ["AVAILABILITY", "RATIO", "Isolation"]

QUANTILE = 0.9
RATIO = 3.0
"""The quantile of the latency may be so many times that of the baseline. To wait behind a hostile handler's request
makes it tens of times as long; to share two cores with one that burns them does not make it two."""

AVAILABILITY = 0.99
VICTIM = "victim"


class Isolation:
    """A hostile handler cannot deny service to other models."""

    code = "C"

    def judge(self, record: CellRecord) -> Sequence[Measure]:
        """For each mode: the victim's latency against its baseline, and the share answered; both after the last mode.

        The latency that suffered most stands first.
        """
        windows = _windows(record)
        requests = record.requests(VICTIM)
        if requests.n == 0:
            raise CannotTell("no request of the victim was recorded")
        baseline = [window for mode, window in windows if window.phase == "baseline"]
        modes = [(mode, window) for mode, window in windows if window.phase == "fault"]
        after = [window for mode, window in windows if window.phase == "recovery"]
        if not baseline or not after:
            raise CannotTell("the victim was not measured before and after the hostile handlers")
        if not modes:
            said = "; ".join(event["reason"] for event in record.notes("skipped"))
            raise CannotTell(f"no hostile handler was in force: {said or 'none was tried'}")
        victim = Probed(record, VICTIM)
        measures: list[Measure] = []
        for mode, window in modes:
            found = victim.judge([*baseline, window], *_objectives("fault"))
            measures += [_measure(result, f"under {mode}") for result in found]
        found = victim.judge([*baseline, *after], *_objectives("recovery"))
        measures += [_measure(result, "after the hostile handlers") for result in found]
        measures.sort(key=lambda measure: -(measure.estimate or 0.0) if measure.timed else 1.0)
        return [*measures, *_not_in_force(record), _tried(record, len(modes))]

    def figure(self, record: CellRecord) -> dict[str, Any]:
        """The victim's latency by window, for one box or strip each, and over time.

        ``groups``: list of ``{"name": "baseline" | mode | "recovery", "start", "end" (s since the cell began),
        "seconds": [latency in s of each request answered rightly], "failed": number of those that were not}``, in the
        order they were measured; ``quantile`` and ``limit``: the quantile of the latency that is judged, and how many
        times the baseline's it may be; ``baseline``: that of the baseline in seconds, or null; ``over_time``:
        ``{"at": [s since the cell began], "seconds": [latency], "ok": [bool]}`` of all requests.
        """
        requests = record.requests(VICTIM)
        groups: list[dict[str, Any]] = []
        for mode, window in _windows(record):
            part = requests.between(window.start, window.end)
            groups.append(
                {
                    "name": mode or window.phase,
                    "start": window.start - record.begin,
                    "end": window.end - record.begin,
                    "seconds": part.latency[part.ok].round(6).tolist(),
                    "failed": int((~part.ok).sum()),
                }
            )
        quiet: list[float] = next((group["seconds"] for group in groups if group["name"] == "baseline"), [])
        return {
            "groups": groups,
            "quantile": QUANTILE,
            "limit": RATIO,
            "baseline": float(np.quantile(quiet, QUANTILE)) if quiet else None,
            "over_time": {
                "at": (requests.intended - record.begin).round(4).tolist(),
                "seconds": requests.latency.round(6).tolist(),
                "ok": requests.ok.tolist(),
            },
        }


def _windows(record: CellRecord) -> list[tuple[str, Window]]:
    """Each window with its mode, in order."""
    return [
        (str(event["mode"]), Window(event["phase"], float(event["start"]), float(event["end"])))
        for event in record.notes("window")
    ]


def _tried(record: CellRecord, done: int) -> Measure:
    """How many modes were in force. A target whose store lacks a handler package is judged by the others."""
    lacking = [event for event in record.notes("skipped") if not event["served"]]
    reason = f"{done} hostile modes were in force"
    if lacking:
        reason += f", and {len(lacking)} could not be tried ({lacking[0]['mode']}: {lacking[0]['reason']})"
    return Measure("modes in force", Verdict.PASS, reason, done, limit=1, n=done + len(lacking))


def _not_in_force(record: CellRecord) -> list[Measure]:
    """Modes whose model was served and yet did no harm: nobody knows whether the victim would have borne it."""
    return [
        Measure(f"{event['mode']} in force", Verdict.UNKNOWN, event["reason"])
        for event in record.notes("skipped")
        if event["served"]
    ]


def _objectives(phase: str) -> tuple[Objective, Objective]:
    return (
        Objective(sli="latency", quantile=QUANTILE, at_most_ratio=RATIO, phases=(phase,)),
        Objective(sli="availability", at_least=AVAILABILITY, phases=(phase,)),
    )


def _measure(result: ObjectiveResult, when: str) -> Measure:
    name = f"{result.objective.removesuffix(' ratio')} {when}"
    return as_measure(result, name, f"{when}, the victim's {result.reason}")
