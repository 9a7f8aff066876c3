"""I, rollback: an operation that cannot be satisfied leaves everything as it was, and says so.

Compared are what the target lists, describes and runs before each case, and when it has come to rest after it, process
by process; the inferences that went on meanwhile are counted. All of it is a census of what was tried: the numbers have
no interval. :mod:`chaos.cells.rollback_case` has the fields of the notes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaos.history import Event
from chaos.properties.base import CannotTell, Measure
from chaos.properties.counted import at_rest_in_time, none_wrong, slowest_answer
from chaos.properties.record import CellRecord, Requests
from chaos.properties.standing import as_asked, differences, in_short
from chaos.sla.results import Verdict
from chaos.traffic.spec import Outcome

__all__ = ["Rollback"]

LEAST_REQUESTS = 10


class Rollback:
    """What cannot be done is undone, and harms nobody."""

    code = "I"

    def judge(self, record: CellRecord) -> Sequence[Measure]:
        """States first, then answers, then the inferences that were lost meanwhile, and what took too long.

        :raises CannotTell: if nothing was tried that cannot be satisfied
        """
        cases = record.notes("case")
        if not any(case["how"] == "refused" for case in cases):
            skipped = "; ".join(event["reason"] for event in record.notes("skipped"))
            raise CannotTell(
                f"nothing was tried that cannot be satisfied: {skipped or 'no case was recorded'}"
            )
        answers = [answer for case in cases for answer in case["answers"] if not answer["lost"]]
        free = record.notes("free")
        settings = record.settings
        late = [f"'{case['name']}'" for case in cases if _late(case)]
        measures = [
            _states("cases that left something behind", cases, "refused"),
            _states("states torn by a lost answer", cases, "halfway"),
            _states("changes that were not made", cases, "done"),
            none_wrong("names that were not free again", len(free), _taken(free)),
            none_wrong("wrong answers", len(answers), [*_answered(cases)]),
            *_inferences(record),
            at_rest_in_time(len(cases), late, settings["rest_seconds"]),
            slowest_answer(answers, settings["answer_seconds"]),
        ]
        return [measure for measure in measures if measure.n]

    def figure(self, record: CellRecord) -> dict[str, Any]:
        """The states that differ, for a table.

        ``cases``: list of ``{"name", "asked" (words), "how", "status": [HTTP statuses, 0 for none], "words": [the
        server's reasons], "rest": seconds to rest or null, "wrong": [differences in words; empty is good], "before",
        "after": {model: [asked for, ready, processes or null]}}``, in the order they were tried; ``skipped``: list of
        ``{"case", "reason"}``; ``loads``: ``{load: {"n", "lost"}}``.
        """
        cases = [
            {
                "name": case["name"],
                "asked": case["asked"],
                "how": case["how"],
                "status": [answer["status"] for answer in case["answers"]],
                "words": [answer["words"] for answer in case["answers"]],
                "rest": case["rest"],
                "wrong": _wrong(case),
                "before": _table(case["before"]),
                "after": _table(case["after"]),
            }
            for case in record.notes("case")
        ]
        skipped = [{"case": event["case"], "reason": event["reason"]} for event in record.notes("skipped")]
        loads = {load: record.requests(load) for load in record.loads()}
        lost = {load: {"n": one.n, "lost": int((~one.ok).sum())} for load, one in loads.items()}
        return {"cases": cases, "skipped": skipped, "loads": lost}


def _wrong(case: Event) -> list[str]:
    """What is not as it must be after a case, in words; nothing if that could not be read."""
    if _unread(case):
        return []
    before, after = case["before"], case["after"]
    if case["how"] == "refused":
        return differences(before, after)
    model, workers = case["model"], case["workers"]
    wrong = as_asked(before, after, model, workers)
    if case["how"] == "halfway":
        undone = as_asked(before, case["retried"], model, workers)
        again = [f"after it was asked for again, {each}" for each in undone]
        wrong = (differences(before, after) and wrong) or again
    return wrong


def _unread(case: Event) -> str:
    states = [case[key] for key in ("before", "after", "retried") if key in case]
    return next((f"'{case['name']}': {state['error']}" for state in states if state["error"]), "")


def _late(case: Event) -> bool:
    """Whether it was right when it was looked at last, but had not been for long."""
    return case["rest"] is None and not _unread(case) and not _wrong(case)


def _states(name: str, cases: Sequence[Event], how: str) -> Measure:
    mine = [case for case in cases if case["how"] == how]
    wrong = [
        f"{case['name']} ({case['asked']}): {in_short(differs)}" for case in mine if (differs := _wrong(case))
    ]
    return none_wrong(name, len(mine), wrong, [unread for case in mine if (unread := _unread(case))])


def _taken(free: Sequence[Event]) -> list[str]:
    return [f"{event['name']}: {event['reason']}" for event in free if event["reason"]]


def _answered(cases: Sequence[Event]) -> Iterator[str]:
    """Answers that say that what could not be done was done, or refuse it without a reason."""
    for case in cases:
        for answer in case["answers"]:
            if answer["lost"] or not answer["status"]:
                continue
            refused = answer["status"] >= 400
            if refused and not answer["words"]:
                yield f"{case['name']}: {answer['status']} without a reason"
            elif case.get("must") and not refused:
                yield f"{case['name']}: answered {answer['status']} ('{answer['words']}'), though it could not be done"
            elif case["how"] == "done" and refused:
                yield f"{case['name']}: answered {answer['status']} ('{answer['words']}')"


def _inferences(record: CellRecord) -> Iterator[Measure]:
    """None may be lost, and what says so must have been under way. That one is late is perhaps the machine's fault."""
    name = "inferences lost"
    loads = {load: record.requests(load) for load in record.loads()}
    late = {load: one.outcome == Outcome.TIMEOUT for load, one in loads.items()}
    yield _lost(name, loads, {load: ~one.ok & ~late[load] for load, one in loads.items()})
    yield _lost("inferences timed out", loads, late, timed=True)
    n = sum(requests.n for requests in loads.values())
    steady = loads.get("bystander")
    if steady is None or steady.n < LEAST_REQUESTS:
        said = "hardly any went on meanwhile, so nobody can say that none was lost"
        yield Measure(name, Verdict.UNKNOWN, f"{name}: {said}", n=max(n, 1))
    for load, requests in loads.items():
        if load.startswith("in flight") and not _met(record, requests):
            said = f"no operation met one of '{load}' that was in flight"
            yield Measure(name, Verdict.UNKNOWN, f"{name}: {said}", n=n)


def _lost(
    name: str, loads: Mapping[str, Requests], which: Mapping[str, NDArray[np.bool_]], *, timed: bool = False
) -> Measure:
    """Those of each load that a mask selects: none may be."""
    n = sum(requests.n for requests in loads.values())
    words = [f"{mask.sum()} of {loads[load].n} of '{load}'" for load, mask in which.items() if mask.any()]
    total = sum(int(mask.sum()) for mask in which.values())
    verdict = Verdict.FAIL if total else Verdict.PASS
    said = f"{name}: {', '.join(words) or f'none of {n}'}"
    return Measure(name, verdict, said, total, limit=0, n=n, timed=timed and bool(total))


def _met(record: CellRecord, requests: Requests) -> bool:
    """Whether one of these was under way at the instant when some operation was sent."""
    cases = [case for case in record.notes("case") if case["how"] != "refused"]
    sent = [answer["start"] for case in cases for answer in case["answers"]]
    return any(bool(np.any((requests.started < at) & (requests.ended > at))) for at in sent)


def _table(state: Event) -> dict[str, list[int | None]]:
    return {
        name: [model["desired"], model["workers"], model["alive"]]
        for name, model in sorted(state["models"].items())
    }
