"""One load of a cell judged as a probe is (:mod:`chaos.sla.judge`): against its own baseline, with block-bootstrap
intervals (:mod:`chaos.sla.statistics`), less what the harness's own noise could explain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chaos.properties.base import Measure
from chaos.properties.record import CellRecord
from chaos.sla.documents import Objective, ProbeDocument, Schedule
from chaos.sla.judge import judge
from chaos.sla.results import ObjectiveResult, Window
from chaos.sla.samples import Samples
from chaos.traffic.histogram import SLOT_SECONDS, buckets_of

__all__ = ["Probed", "as_measure"]


class Probed:
    """The requests of one load, whose cell has the settings ``rate`` (1/s) and ``timeout`` (s)."""

    def __init__(self, record: CellRecord, load: str) -> None:
        requests = record.requests(load)
        slots = (requests.intended / SLOT_SECONDS).astype(np.int64)
        each = np.ones(requests.n, dtype=np.int64)
        self._samples = Samples(slots, requests.outcome, buckets_of(requests.latency), each)
        self._noise = Samples.of(cell for event in record.kind("noise") for cell in event["cells"])
        self._record = record
        self._load = load

    def judge(self, windows: Sequence[Window], *objectives: Objective) -> list[ObjectiveResult]:
        """What comes of these objectives in the windows of their phases."""
        settings = self._record.settings
        probe = ProbeDocument(
            name=self._load,
            model=self._load,
            payload={},
            schedule=Schedule(arrival="constant", rate=float(settings["rate"])),
            timeout=float(settings["timeout"]),
            objectives=objectives,
        )
        return judge(probe, self._samples, windows, self._noise, seed=self._record.seed)


def as_measure(result: ObjectiveResult, name: str, reason: str) -> Measure:
    """An objective's result under a name and with a reason of the property's own; latencies are timed."""
    return Measure(
        name=name,
        verdict=result.verdict,
        reason=reason,
        estimate=result.estimate,
        low=result.low,
        high=result.high,
        limit=result.limit,
        unit="times the baseline" if result.unit == "ratio" else result.unit,
        n=result.n,
        timed=result.objective.startswith("p"),
    )
