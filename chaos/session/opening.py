"""What a run begins with: what it says of itself, and the traffic of its probes."""

from __future__ import annotations

import time
from typing import Any

from chaos import __version__
from chaos.session.plan import Plan, arrivals_of, sub_seed
from chaos.session.system import System
from chaos.sla.documents import INFERENCES
from chaos.targets.options import redacted
from chaos.traffic.spec import Stream, WorkerSpec

__all__ = ["PROBES", "probe_spec", "run_event"]

NULL_RATE = 50.0
PROBES = "probes"
"""Name of the worker that runs the probes."""


def run_event(plan: Plan) -> dict[str, Any]:
    """The first event of its history."""
    seconds = plan.arguments.seconds
    probes = [probe.model_dump(by_alias=True, exclude_none=True, mode="json") for probe in plan.probes]
    for document, probe, argument in zip(probes, plan.probes, plan.arguments.probes, strict=True):
        document |= {"payload": probe.payload} if probe.api in INFERENCES else {}
        document |= {"via": argument.via} if argument.via else {}
    return {
        "run_id": plan.run_id,
        "seed": plan.seed,
        "target": redacted(plan.arguments.target),
        "defects": list(plan.arguments.defect),
        "title": plan.title,
        "experiment": plan.source,
        "version": __version__,
        "wall": time.time(),
        "command": plan.command,
        "replay": plan.replay,
        "probes": probes,
        "checks": [check.model_dump(mode="json") for check in plan.arguments.checks],
        "phases": {
            "warmup": seconds.warmup,
            "baseline": seconds.baseline,
            "recovery": seconds.recovery,
        },
    }


def probe_spec(plan: Plan, system: System) -> WorkerSpec:
    """What the worker of the probes is to do."""
    return WorkerSpec(
        worker=PROBES,
        streams=tuple(
            Stream(
                name=probe.name,
                request=system.request(probe, via_link=bool(argument.via)),
                arrivals=arrivals_of(probe),
                timeout=probe.timeout,
                seed=sub_seed(plan.seed, "probe", probe.name),
            )
            for probe, argument in zip(plan.probes, plan.arguments.probes, strict=True)
        ),
        null_rate=NULL_RATE,
    )
