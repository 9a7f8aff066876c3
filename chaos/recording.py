"""A history read into what an analysis needs: the run, its phases, each probe's requests, faults, how it ended.

Reading is apart from judging, so that a history that broke off anywhere is understood in one place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from chaos.errors import RunDirectoryError
from chaos.history import Event
from chaos.operations.record import ProgramRecord, program_of
from chaos.sla.documents import ProbeDocument
from chaos.sla.results import Window
from chaos.sla.samples import Samples, StreamRecord

__all__ = ["NULL", "PHASES", "FaultInterval", "Recording", "record"]

RUN_FIELDS = ("run_id", "seed", "target", "defects", "title", "version", "wall", "replay", "probes")
"""What a ``run`` event has to say for its run to be judged and reported."""

PHASES = ("baseline", "fault", "recovery")
"""The phases that are judged; the warm-up is not."""

NULL = "null"
"""The stream of the null probe, one a worker."""

HOSTILE = "fault:"
"""Workers of this prefix are the fault itself: what they send is not judged."""


@dataclass(frozen=True, slots=True)
class FaultInterval:
    """A fault as it truly was: instants of the monotonic clock; None while not (yet) reached.

    It was intended at ``begun``, and in force from ``injected`` to ``reverted``. ``touches`` is what it said it would
    touch, ``did`` what was done to revert it, and ``left`` what to do by hand if it could not be reverted.
    """

    id: str
    fault: str
    model: str
    arguments: dict[str, Any]
    begun: float
    injected: float | None = None
    reverted: float | None = None
    reason: str = ""
    touches: tuple[str, ...] = ()
    did: str = ""
    left: str = ""

    @property
    def seconds(self) -> float | None:
        """How long it held."""
        return None if self.injected is None or self.reverted is None else self.reverted - self.injected


@dataclass(frozen=True, slots=True)
class Recording:
    """What a history says. ``run`` is its first event, ``end`` its last, None if it broke off.

    ``failed`` holds the ids of the faults that were not injected, or not in force all the time.
    """

    run: Event
    end: Event | None
    last: float
    """The instant of the last event."""
    probes: tuple[ProbeDocument, ...]
    via: Mapping[str, str]
    """By name of the probe: the link that its requests go through, where that is not the direct one."""
    windows: tuple[Window, ...]
    streams: Mapping[str, tuple[StreamRecord, ...]]
    """By name: one a worker."""
    requests: Mapping[str, Samples]
    """By name of the stream, of all workers."""
    faults: tuple[FaultInterval, ...]
    failed: frozenset[str]
    guards: tuple[Event, ...]
    problems: tuple[str, ...]
    program: ProgramRecord | None = None
    """The program of operations that the run ran, if it ran one."""

    def samples(self, probe: ProbeDocument) -> Samples:
        """The requests of a probe. Of a run that broke off, those whose fate nobody saw are left out."""
        found = self.requests.get(probe.name, Samples.of([]))
        if self.end is not None:
            return found
        last = min((stream.at[-1] for stream in self.streams.get(probe.name, ())), default=self.last)
        return found.censored(after=last - probe.timeout)

    def null(self) -> Samples:
        """The completed requests of the null probes of all workers that measure."""
        return self.requests.get(NULL, Samples.of([])).censored(after=0.0)


def record(events: list[Event]) -> Recording:
    """Read a history.

    :raises RunDirectoryError: if it does not begin with a ``run`` event, or an event lacks what its kind needs
    """
    if not events or events[0]["kind"] != "run":
        raise RunDirectoryError(
            "the history does not begin with a 'run' event (was it written by this harness?)"
        )
    missing = [name for name in RUN_FIELDS if name not in events[0]]
    if missing:
        raise RunDirectoryError(f"the history's 'run' event lacks {', '.join(missing)}")
    try:
        faults, failed = _faults(events)
        streams = _streams(events)
        return Recording(
            run=events[0],
            end=next((event for event in reversed(events) if event["kind"] == "end"), None),
            last=max(event["at"] for event in events),
            probes=tuple(ProbeDocument.model_validate(_bare(probe)) for probe in events[0]["probes"]),
            via={probe["name"]: str(probe["via"]) for probe in events[0]["probes"] if probe.get("via")},
            windows=tuple(_windows(events)),
            streams=streams,
            requests={
                name: Samples.joined([stream.samples() for stream in workers])
                for name, workers in streams.items()
            },
            faults=faults,
            failed=failed,
            guards=tuple(_tripped(events)),
            problems=tuple(_problems(events)),
            program=program_of(events),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunDirectoryError(f"the history holds an event that cannot be understood: {error!r}") from None


def _bare(probe: Mapping[str, Any]) -> dict[str, Any]:
    """A probe's document, without what the experiment says of it."""
    return {name: value for name, value in probe.items() if name != "via"}


def _windows(events: list[Event]) -> Iterator[Window]:
    """The judged phases; the last one ends where the history does."""
    begun = [(event["phase"], event["at"]) for event in events if event["kind"] == "phase"]
    last = max(event["at"] for event in events)
    for (phase, start), (_next, end) in pairwise([*begun, ("", last)]):
        if phase in PHASES and end > start:
            yield Window(phase, start, end)


def _streams(events: list[Event]) -> dict[str, tuple[StreamRecord, ...]]:
    records: dict[tuple[str, str], StreamRecord] = {}
    for event in events:
        if event["kind"] == "frame" and not event["worker"].startswith(HOSTILE):
            for name, entry in event["streams"].items():
                records.setdefault((name, event["worker"]), StreamRecord()).feed(entry, event["at"])
    return {
        wanted: tuple(stream for (name, _worker), stream in records.items() if name == wanted)
        for wanted in {name for name, _worker in records}
    }


def _faults(events: list[Event]) -> tuple[tuple[FaultInterval, ...], frozenset[str]]:
    faults: dict[str, FaultInterval] = {}
    failed: dict[str, str] = {}
    for event in events:
        if event["kind"] != "fault":
            continue
        fault = faults.get(event["id"]) or FaultInterval(
            event["id"], event["fault"], event["model"], dict(event["arguments"]), event["at"]
        )
        match event["event"]:
            case "injected":
                fault = replace(
                    fault, injected=event["at"], touches=tuple(map(str, event.get("touches", ())))
                )
            case "failed":
                failed[fault.id] = event["reason"]
            case "not reverted":
                fault = replace(fault, left=str(event["reason"]) or "run `chaos recover`")
            case "reverted":
                fault = replace(fault, reverted=event["at"], did=str(event.get("did", "")), left="")
        # The last word is how it ended, but why it failed says more.
        reason = failed.get(fault.id) or event.get("reason") or fault.reason
        faults[fault.id] = replace(fault, reason=reason)
    return tuple(faults.values()), frozenset(failed)


def _tripped(events: list[Event]) -> Iterator[Event]:
    """Each guard the first time it tripped: it says so at every frame for as long as it holds."""
    seen: set[tuple[str, int]] = set()
    for event in events:
        if event["kind"] == "guard" and (event["probe"], event["guard"]) not in seen:
            seen.add((event["probe"], event["guard"]))
            yield {name: value for name, value in event.items() if name != "kind"}


def _problems(events: list[Event]) -> Iterator[str]:
    told = [str(event["text"]) for event in events if event["kind"] == "problem"]
    yield from dict.fromkeys(told)
    for event in events:
        if event["kind"] == "worker" and event["event"] == "died":
            name = event["worker"]
            if not any(f"'{name}'" in text for text in told):
                yield f"traffic worker '{name}' died"
