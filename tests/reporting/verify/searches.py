"""Histories of verifications that never ran: one that passes, one that finds a failure and shrinks it, and more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chaos.history import Event
from chaos.operations.checks.base import Violation
from chaos.sla.results import Verdict

__all__ = ["FOUND", "HOSTILE", "SMALLEST", "Run", "failing", "hostile", "not_again", "passing", "undecided"]

START = 5000.0
HOSTILE = "</script><img src=x onerror=alert(1)> %{x} `@team|*#1\x00\x1b[31m\ud800"

Steps = list[dict[str, Any]]

SMALLEST: Steps = [
    {"do": "register", "model": "a", "workers": 2},
    {"inject": "process", "arguments": {"action": "stop", "model": "a"}},
    {
        "concurrent": [
            [{"do": "scale", "model": "a", "workers": 3}],
            [{"do": "scale", "model": "a", "workers": 4}, {"do": "list"}],
            [{"do": "infer", "model": "a", "milliseconds": 300.0}],
        ]
    },
    {"revert": "f1"},
    {"do": "describe", "model": "a"},
]
FOUND: Steps = [
    {"do": "list"},
    *SMALLEST[:2],
    {"concurrent": [[{"do": "register", "model": "b"}]] * 3},
    *SMALLEST[2:],
    {"quiesce": True},
    {"do": "unregister", "model": "b", "lose": "early"},
]

POINTS = [
    ["register", "absent", "alone", "none", "ok", 3],
    ["register", "one", "beside", "none", "fail", 1],
    ["scale", "one", "alone", "none", "ok", 2],
    ["scale", "several", "beside", "process", "info", 1],
    ["infer", "several", "beside", "process", "ok", 40],
    ["list", "any", "alone", "none", "ok", 1],
]

LOST = Violation(
    "linearizability",
    "model 'a': no order of the operations explains 'describe a', which told of 3 workers",
    4,
    (1, 2, 5),
)


@dataclass
class Run:
    """One run of a program, in milliseconds since it began."""

    steps: Steps
    attempt: int = 1
    start: float = START
    names: dict[str, str] = field(default_factory=lambda: {"a": "a-x1f3a9c"})
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        about: dict[str, Any] = {"attempt": self.attempt, "steps": self.steps, "names": self.names}
        self.add("program", 0, **about, limits=None, reloads=False)
        self.stood(1, -1, "before")

    def add(self, kind: str, at: float, **values: Any) -> Run:
        """One event."""
        self.events.append({"kind": kind, "at": self.start + at / 1000, **values})
        return self

    def call(
        self, start: float, took: float, step: int, operation: str, outcome: str = "ok", **more: Any
    ) -> Run:
        """An operation; its number is how many there were."""
        number = sum(event["kind"] == "call" for event in self.events)
        status = {"ok": 200, "fail": 409, "info": 0}[outcome]
        told = {
            "number": number, "step": step, "lane": 0, "operation": operation, "model": "a", "workers": 1,
            "package": "good" if operation == "register" else "", "milliseconds": 0.0, "outcome": outcome,
            "status": status, "detail": "", "lost": False, "again": False, "told": None,
        }  # fmt: skip
        begun = self.start + start / 1000
        return self.add("call", start + took, **{**told, "start": begun, "end": begun + took / 1000, **more})

    def stood(
        self,
        at: float,
        step: int,
        when: str = "step",
        rest: float | None = 0.01,
        error: str = "",
        **workers: int,
    ) -> Run:
        """A look."""
        models = {
            self.names[model]: {"desired": count, "workers": count, "pids": [*range(count)], "alive": count}
            for model, count in workers.items()
        }
        state = {"listed": sorted(models), "models": models, "strays": 0, "error": error}
        return self.add("standing", at, when=when, step=step, state=state, rest=rest)

    def fault(self, at: float, event: str, **more: Any) -> Run:
        """A step of a fault's life."""
        arguments = {"action": "stop", "model": self.names["a"]}
        about = {"id": "process-1", "fault": "process", "model": self.names["a"], "arguments": arguments}
        return self.add("fault", at, event=event, reason="", **{**about, **more})

    def judged(self, at: float, *violations: Violation) -> list[Event]:
        """All of it, judged."""
        told = [violation.document() for violation in violations]
        return self.add("judged", at, attempt=self.attempt, violations=told).events


def lost(attempt: int, start: float, steps: Steps = SMALLEST, *violations: Violation) -> list[Event]:
    """A run of the smallest: two scales at once, one of them is lost while a process is stopped."""
    run = Run(steps, attempt, start)
    run.call(2, 34, 0, "register", workers=2).stood(41, 0, a=2)
    run.fault(44, "intent").fault(49, "injected")
    run.call(105, 61, 2, "scale", workers=3).call(105.2, 48, 2, "scale", workers=4, lane=1)
    run.call(156, 4, 2, "list", lane=1, model="", told=["a"])
    run.call(105.3, 150, 2, "infer", "info", lane=2, milliseconds=300.0, detail="no answer: connection reset")
    run.fault(262, "reverted").stood(301, 3, a=3)
    run.call(303, 3, 4, "describe", told={"desired": 3, "workers": 3})
    run.add("bystander", 400, rows=[{"start": start, "outcome": "ok", "seconds": 0.01, "n": 5}])
    run.stood(412, 5, "end", a=3).stood(480, -1, "clean")
    return run.judged(490, *(violations or (LOST,)))


def opened(**more: Any) -> Event:
    """How a verification begins."""
    about = {
        "kind": "verify", "at": START, "run_id": "20261121-120000-verify-ab12", "target": "embedded",
        "defects": ["scale_lost"], "seed": 42, "profile": "quick", "examples": 4, "steps": 20,
        "faults": ["process"], "checks": ["model", "linearizability", "release"], "version": "0.1.0",
        "wall": 1_795_262_400.0, "replay": "chaos verify --target embedded --seed 42 --examples 4",
    }  # fmt: skip
    return about | more


def example(number: int, at: float, **more: Any) -> Event:
    """A program that was drawn and run."""
    about = {
        "kind": "example", "at": at, "number": number, "size": 9, "seconds": 0.5, "operations": 8,
        "failed": [], "unknown": [], "points": POINTS,
    }  # fmt: skip
    return about | more


def memory(at: float, examples: int) -> Event:
    """A look at the harness itself."""
    return {"kind": "memory", "at": at, "examples": examples, "rss": 180 * 2**20 + examples}


def passing() -> list[Event]:
    """All four programs pass."""
    ran = [example(number, START + number) for number in range(1, 5)]
    end = {"kind": "verified", "at": START + 5, "seconds": 5.0, "ended": "completed"}
    return [opened(), ran[0], memory(START + 1.1, 1), *ran[1:], memory(START + 4.1, 4), end]


def failing() -> list[Event]:
    """The third fails in linearizability; it comes again and gets smaller."""
    at = START + 3
    tries = [
        {"kind": "shrinking", "at": at + 2 + number, "runs": number, "size": 12 - number}
        for number in (1, 2, 3)
    ]
    return [
        opened(),
        example(1, START + 1),
        memory(START + 1.1, 1),
        example(2, START + 2),
        *lost(3, at, FOUND),
        example(3, at + 0.5, failed=["linearizability"]),
        {"kind": "confirming", "at": at + 1, "check": "linearizability", "program": FOUND},
        tries[0],
        *lost(5, at + 3),
        *tries[1:],
        *lost(9, at + 6),
        {
            "kind": "failure", "at": at + 7, "check": "linearizability", "program": FOUND, "smallest": SMALLEST,
            "again": [5, 5], "rate": [4, 5], "runs": 31, "whole": True, "first": 3, "last": 9,
            "counterexample": "counterexample.json",
        },
        {"kind": "verified", "at": at + 8, "seconds": 11.0, "ended": "completed"},
    ]  # fmt: skip


def not_again() -> list[Event]:
    """What failed did not come again."""
    found = [event for event in failing() if event["kind"] not in ("shrinking", "failure")]
    kept = [event for event in found if event.get("attempt", 3) == 3 and event["at"] < START + 5]
    return [
        *kept,
        {
            "kind": "failure", "at": START + 9, "check": "linearizability", "program": FOUND, "smallest": FOUND,
            "again": [0, 5], "rate": [0, 5], "runs": 0, "whole": False, "first": 3, "last": 3, "counterexample": "",
        },
        {"kind": "verified", "at": START + 9, "seconds": 9.0, "ended": "completed"},
    ]  # fmt: skip


def undecided() -> list[Event]:
    """No program failed, but of one it could not be told, and something was odd."""
    events = passing()
    events[1] = example(1, START + 1, unknown=["model 'a': 300000 configurations were not enough"])
    return [*events[:-1], {"kind": "problem", "at": START + 4.5, "text": "a model was left"}, events[-1]]


def hostile() -> list[Event]:
    """A failure all of whose texts are somebody else's."""
    words = Violation(HOSTILE, HOSTILE, 0, (0, 99), Verdict.FAIL)
    events = [
        opened(target=HOSTILE, defects=[HOSTILE], faults=[HOSTILE], checks=[HOSTILE], replay=HOSTILE, profile=HOSTILE),
        example(1, START + 1, points=[[HOSTILE, HOSTILE, HOSTILE, HOSTILE, "ok", 2]], unknown=[HOSTILE]),
        *lost(2, START + 1, SMALLEST, words),
        example(2, START + 2, failed=[HOSTILE]),
        {"kind": "problem", "at": START + 3, "text": HOSTILE},
        {
            "kind": "failure", "at": START + 4, "check": HOSTILE, "program": SMALLEST, "smallest": [
                {"inject": HOSTILE, "arguments": {"model": HOSTILE, HOSTILE: HOSTILE}}, *SMALLEST[:1]
            ],
            "again": [1, 5], "rate": [1, 5], "runs": 3, "whole": False, "first": 2, "last": 2,
            "counterexample": HOSTILE,
        },
        {"kind": "verified", "at": START + 4, "seconds": 4.0, "ended": HOSTILE},
    ]  # fmt: skip
    for event in events:
        if event["kind"] == "call":
            event |= {"detail": HOSTILE, "operation": HOSTILE, "told": {HOSTILE: HOSTILE}}
        if event["kind"] == "fault":
            event |= {"fault": HOSTILE, "model": HOSTILE, "arguments": {HOSTILE: HOSTILE}}
        if event["kind"] == "standing" and event["when"] == "step":
            event["state"] |= {"error": HOSTILE}
    return events
