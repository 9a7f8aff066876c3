"""F, preservation: whether more than the node can bear is refused, clearly and at once, and what runs is not touched.

The procedure (:mod:`chaos.cells.preservation`) asks again and again, also at once, for more workers than there may be,
while a bystander model is under constant load. Where the target says what its node can bear, every such request must
be refused. Where it does not say, a request that is granted proves nothing by itself: it fails only by what it does to
the bystander, and is ``unknown`` where that bears it.

The bystander's latency is judged as that of a probe, relative to its own baseline
(:mod:`chaos.properties.probed`). All the rest are counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from chaos.history import Event
from chaos.properties.base import CannotTell, Measure, at_most
from chaos.properties.probed import Probed, as_measure
from chaos.properties.record import CellRecord, Requests
from chaos.sla.documents import Objective
from chaos.sla.results import Verdict, Window
from chaos.traffic.spec import Outcome

__all__ = ["BYSTANDER", "PRESERVATION", "RATIO"]

BYSTANDER = "bystander"
QUANTILE = 0.95
RATIO = 2.0
"""The quantile may be so many times that of the baseline: the handler sleeps, so that what it takes is the same."""

REFUSED_SECONDS = 5.0
"""Within this a request that cannot be granted is refused: nothing has to be started to know it."""

PHASES = {"fault": "during", "recovery": "after"}


class Preservation:
    """The property."""

    code = "F"

    def judge(self, record: CellRecord) -> Sequence[Measure]:
        """What was granted, how it was refused, what changed, what the bystander lost, and its latency.

        :raises CannotTell: if nothing was asked for, or the bystander was not measured before, during and after it
        """
        asked = record.notes("asked")
        if not asked:
            raise CannotTell("no more was asked for than the node can bear")
        requests = record.requests(BYSTANDER)
        phases = {event["phase"] for event in record.notes("window")}
        if not requests.n or phases != {"baseline", *PHASES}:
            raise CannotTell("the bystander was not measured before, during and after the requests")
        rounds = record.notes("round")
        if not rounds:
            raise CannotTell("nobody looked at what the requests changed")
        told = bool(record.notes("plan")[0]["told"])
        refused = [one for one in asked if not _granted(one)]
        measures = [_grants(asked, told)]
        if refused:
            measures.append(_unclear(refused))
            measures.append(_slowest(refused))
        if told:
            measures.append(_changes(rounds))
        return [*measures, _losses(requests), *_latency(record)]

    def figure(self, record: CellRecord) -> dict[str, Any]:
        """The bystander's latency over time, with what was asked for meanwhile.

        ``windows``: list of ``{"phase": "baseline" | "fault" | "recovery", "start", "end"}``; ``over_time``: ``{"at":
        [s], "seconds": [latency], "ok": [bool]}`` of all the bystander's requests; ``asked``: list of ``{"start",
        "end", "operation", "workers", "batch" (0: none), "status"}``; ``processes``: ``{"at": [s], "count": [living
        workers of all models, as far as they were seen]}``. All instants are seconds since the cell began.
        ``bearable``: how many workers there may be, or null; ``quantile`` and ``limit``: what is judged of the latency,
        and its limit in times the baseline's.
        """
        requests = record.requests(BYSTANDER)
        plan = record.notes("plan")
        counted = [(event["at"] - record.begin, event["count"]) for event in record.notes("living")]
        return {
            "windows": [
                {
                    "phase": event["phase"],
                    "start": event["start"] - record.begin,
                    "end": event["end"] - record.begin,
                }
                for event in record.notes("window")
            ],
            "over_time": {
                "at": (requests.intended - record.begin).round(4).tolist(),
                "seconds": requests.latency.round(6).tolist(),
                "ok": requests.ok.tolist(),
            },
            "asked": [
                {
                    "start": one["start"] - record.begin,
                    "end": one["end"] - record.begin,
                    **{name: one[name] for name in ("operation", "workers", "batch", "status")},
                }
                for one in record.notes("asked")
            ],
            "processes": {"at": [at for at, _ in counted], "count": [count for _, count in counted]},
            "bearable": plan[0]["bearable"] if plan else None,
            "quantile": QUANTILE,
            "limit": RATIO,
        }


PRESERVATION = Preservation()


def _granted(one: Event) -> bool:
    return bool(200 <= one["status"] < 300)


def _grants(asked: Sequence[Event], told: bool) -> Measure:
    granted = [one for one in asked if _granted(one)]
    sizes = dict.fromkeys(
        f"batches of {one['batch']}" if one["batch"] else f"{one['workers']} workers" for one in asked
    )
    says = f"of {len(asked)} requests for {', '.join(sizes)}"
    measure = at_most("excess granted", 0, len(granted), n=len(asked), says=says)
    if told or not granted:
        return measure
    reason = (
        f"{len(granted)} of {len(asked)} requests for {', '.join(sizes)} were granted, and the target does not say "
        "how many it can bear: what it would have to refuse is not known"
    )
    return replace(measure, verdict=Verdict.UNKNOWN, reason=reason, limit=None)


def _unclear(refused: Sequence[Event]) -> Measure:
    """A clear refusal is a 4xx that says why in at least two words."""
    unclear = [one for one in refused if not 400 <= one["status"] < 500 or len(one["words"].split()) < 2]
    ends = Counter(
        f"{one['status'] or 'no answer'} '{one['words'][:80] or one['detail']}'" for one in unclear
    )
    said = f", such as {ends.most_common(1)[0][0]}" if ends else f", such as '{refused[0]['words'][:160]}'"
    says = f"of {len(refused)} requests that were not granted{said}"
    return at_most("unclear refusals", 0, len(unclear), n=len(refused), says=says)


def _slowest(refused: Sequence[Event]) -> Measure:
    seconds = max(float(one["end"] - one["start"]) for one in refused)
    says = f"the longest of {len(refused)}"
    return at_most(
        "time to refuse", REFUSED_SECONDS, seconds, unit="s", n=len(refused), timed=True, says=says
    )


def _changes(rounds: Sequence[Event]) -> Measure:
    """What is described or runs, after each round of requests and while it lasted, against what there was before it."""
    changes = [change for event in rounds for change in _changed(event)]
    said = f": {'; '.join(dict.fromkeys(changes))}"[:400] if changes else ""
    n = len(rounds)
    says = f"in {n} rounds of requests that were to change nothing{said}"
    return at_most("state changed", 0, len(changes), n=n, says=says)


def _changed(event: Event) -> Iterator[str]:
    before, after = event["before"], event["after"]
    for model in sorted(set(before["listed"]) ^ set(after["listed"])):
        yield f"model '{model}' is {'listed' if model in after['listed'] else 'gone'}"
    for model in sorted(set(before["models"]) & set(after["models"])):
        for name in ("desired", "workers", "pids"):
            one, other = before["models"][model][name], after["models"][model][name]
            if one != other:
                yield f"model '{model}' has {name} {other} in place of {one}"
    for model in sorted(set(before["models"]) - set(after["models"])):
        yield f"model '{model}' is described no more"
    if event["most"] is not None and event["most"] > event["least"]:
        yield f"{event['most']} worker processes lived meanwhile in place of {event['least']}"


def _losses(requests: Requests) -> Measure:
    lost = requests.where(~requests.ok)
    ends = Counter(Outcome(int(outcome)).label for outcome in lost.outcome)
    said = f": {', '.join(f'{count} x {end}' for end, count in ends.most_common(3))}" if ends else ""
    says = f"of {requests.n} of the bystander, from before the first request until after the last{said}"
    return at_most("bystander's requests lost", 0, lost.n, n=requests.n, says=says)


def _latency(record: CellRecord) -> Iterator[Measure]:
    windows = [Window(event["phase"], event["start"], event["end"]) for event in record.notes("window")]
    objective = Objective(sli="latency", quantile=QUANTILE, at_most_ratio=RATIO, phases=tuple(PHASES))
    for result in Probed(record, BYSTANDER).judge(windows, objective):
        when = PHASES[result.phase]
        reason = f"the bystander's {result.reason} ({when} the requests)"
        yield as_measure(result, f"bystander's latency {when}", reason)
