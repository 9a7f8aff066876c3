"""J, idempotence: the same operation several times ends as it does once, with answers that a client can live with.

Three accounts of the model are held against what was asked for (:mod:`chaos.properties.standing`): what is described as
wanted, the workers that are ready, and the processes that run; and nothing else may have changed. It is a census of
rounds, so its numbers have no interval. :mod:`chaos.cells.idempotence` has the fields of the notes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaos.history import Event
from chaos.properties.base import CannotTell, Measure
from chaos.properties.counted import at_rest_in_time, none_wrong, slowest_answer
from chaos.properties.record import CellRecord
from chaos.properties.standing import as_asked, in_short
from chaos.sla.results import Verdict

__all__ = ["ACCEPTABLE", "Idempotence", "acceptable"]

ACCEPTABLE: Mapping[str, Mapping[int, str]] = {
    "register": {409: "the name is taken, by one of the same"},
    "unregister": {404: "it is gone already", 409: "another one is at work"},
    "scale": {409: "another one is at work"},
}
"""What a duplicate may be answered beside any 2xx, and why. Never a 5xx: a client would take it for a failure.
A 404 to a scaling would mean that the model was lost."""

IN_PROGRESS = re.compile(r"progress|concurrent|conflict|busy|locked|pending|already", re.IGNORECASE)
"""A 4xx with such words says the same as a 409."""

SORTS = {
    "simultaneous": "at once",
    "sequence": "one after another",
    "lost": "at once, some of them lost and sent again",
    "alone": "by itself",
}
NAMES = {
    "simultaneous": "simultaneous ones",
    "sequence": "repeated ones",
    "lost": "ones with lost answers",
    "alone": "single ones",
}


def acceptable(operation: str, status: int, words: str) -> bool:
    """Whether a duplicate may be answered so."""
    if 200 <= status < 300 or status in ACCEPTABLE[operation]:
        return True
    return 400 <= status < 500 and IN_PROGRESS.search(words) is not None


class Idempotence:
    """Many equal operations end in one state."""

    code = "J"

    def judge(self, record: CellRecord) -> Sequence[Measure]:
        """For each kind of round the ends that were wrong; then wrong answers, and those that never came.

        :raises CannotTell: if not every kind of round was run
        """
        rounds = record.notes("round")
        answers = [(each, answer) for each in rounds for answer in each["answers"] if not answer["lost"]]
        settings = record.settings
        late = [f"round {each['round']}" for each in rounds if _late(each)]
        none = [each for each, answer in answers if not answer["status"]]
        measures = [
            *(_ends(sort, rounds) for sort in NAMES),
            none_wrong("wrong answers", len(answers), [*_refused(answers)]),
            at_rest_in_time(len(rounds), late, settings["rest_seconds"]),
            slowest_answer(
                [answer for _, answer in answers],
                settings["answer_seconds"],
                stuck=any(each["rest"] is not None for each in none),
            ),
        ]
        found = [measure for measure in measures if measure.n]
        if not any(measure.verdict is Verdict.FAIL for measure in found):
            for sort in ("simultaneous", "sequence", "lost"):
                if not any(each["sort"] == sort for each in rounds):
                    raise CannotTell(f"no round of operations {SORTS[sort]} was recorded")
        return found

    def figure(self, record: CellRecord) -> dict[str, Any]:
        """The state that each round ended in, for a table.

        ``operation``; ``rounds``: list of ``{"round", "sort" (``alone``, ``simultaneous``, ``sequence``, ``lost``),
        "model", "wanted" (workers, 0: gone), "described": [asked for, ready] or null, "processes": number or null,
        "strays": number or null, "answers": {status (``none``: no answer): how many}, "lost": answers lost on purpose,
        "spread" (seconds in which they were started), "rest": seconds to rest or null, "wrong": [differences in words;
        empty is good]}``, in the order they were run.
        """
        rounds = []
        for each in record.notes("round"):
            model = each["after"]["models"].get(each["model"])
            kept = [answer for answer in each["answers"] if not answer["lost"]]
            rounds.append(
                {
                    "round": each["round"],
                    "sort": each["sort"],
                    "model": each["model"],
                    "wanted": each["wanted"],
                    "described": None if model is None else [model["desired"], model["workers"]],
                    "processes": None if model is None else model["alive"],
                    "strays": each["after"]["strays"],
                    "answers": dict(Counter(str(answer["status"] or "none") for answer in kept)),
                    "lost": len(each["answers"]) - len(kept),
                    "spread": each["spread"],
                    "rest": each["rest"],
                    "wrong": _wrong(each),
                }
            )
        return {"operation": record.api, "rounds": rounds}


def _wrong(each: Event) -> list[str]:
    """What is not as it must be after a round, in words; nothing if that could not be read."""
    if _unread(each):
        return []
    return as_asked(each["before"], each["after"], each["model"], each["wanted"])


def _unread(each: Event) -> str:
    error = each["before"]["error"] or each["after"]["error"]
    return f"round {each['round']}: {error}" if error else ""


def _late(each: Event) -> bool:
    """Whether it was right when it was looked at last, but had not been for long."""
    return each["rest"] is None and not _unread(each) and not _wrong(each)


def _ends(sort: str, rounds: Sequence[Event]) -> Measure:
    """Those of one kind; where they were to be simultaneous, enough of them must have been."""
    name = f"wrong ends of {NAMES[sort]}"
    mine = [each for each in rounds if each["sort"] == sort]
    wrong = [f"{_said(each)}: {in_short(differs)}" for each in mine if (differs := _wrong(each))]
    measure = none_wrong(name, len(mine), wrong, [unread for each in mine if (unread := _unread(each))])
    at_once = sum(each["at_once"] for each in mine)
    if measure.verdict is Verdict.PASS and at_once < len(mine) / 2:
        spread = max(each["spread"] for each in mine)
        said = f"only {at_once} of {len(mine)} were simultaneous (the others within up to {spread * 1000:.1f} ms)"
        return Measure(name, Verdict.UNKNOWN, f"{name}: {said}", 0, limit=0, n=len(mine))
    return measure


def _said(each: Event) -> str:
    """A round in words."""
    count = sum(not answer["again"] for answer in each["answers"])
    return f"{count} x '{each['operation']}' {SORTS[each['sort']]} (round {each['round']})"


def _refused(answers: Sequence[tuple[Event, Event]]) -> Iterator[str]:
    for each, answer in answers:
        status, words = answer["status"], answer["words"]
        if status and not acceptable(each["operation"], status, words):
            yield f"{_said(each)}: one was answered {status}: {words}"
