"""Histories that no run wrote: made up for tests, with every kind of event that a session records.

Each is a list of events as :func:`chaos.history.read_history` returns it. Latencies are drawn from a
seeded log-normal distribution, and frames hold what completed in them, as a traffic worker's do.
They are made once: who changes one copies it first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from chaos.history import Event
from chaos.traffic.histogram import buckets_of, slot_of
from chaos.traffic.spec import Outcome

__all__ = ["HOSTILE_NAME", "START", "broken_off", "empty", "failing", "guarded", "hostile", "long", "passing"]

START = 5000.0
WALL = 1_790_000_000.0
WARMUP, BASELINE, FAULT, RECOVERY = 1.5, 12.0, 10.0, 12.0
HOSTILE_NAME = "</script><img src=x onerror=alert(1)>&\"'|`@team\x00\x1b[31m\ud800"

Behaviour = Callable[[np.random.Generator, str], tuple[float, Outcome]]
"""Latency in seconds and outcome of a request due in a phase."""

OBJECTIVES = [
    {"sli": "availability", "at_least": 0.999},
    {"sli": "correctness", "at_least": 1.0},
    {"sli": "latency", "quantile": 0.99, "at_most": 0.25},
    {"sli": "latency", "quantile": 0.99, "at_most_ratio": 3.0, "phases": ["fault", "recovery"]},
]


@dataclass
class Builder:
    """Writes a history step by step; ``now`` is the instant of what comes next."""

    target: str = "embedded"
    title: str = "The victim's answers do not suffer from a hostile neighbour"
    fault: str = "handler_dos"
    model: str = "hostile"
    defects: list[str] = field(default_factory=list)
    probes: tuple[str, ...] = ("victim",)
    rate: float = 50.0
    now: float = START
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(7)
        self._counters = {name: [0, 0] for name in (*self.probes, "null")}
        self._pending: dict[str, list[tuple[float, list[int]]]] = {name: [] for name in self._counters}
        self.add(
            "run",
            run_id="20260921-120000-isolation-ab12",
            seed=7,
            target=self.target,
            defects=self.defects,
            title=self.title,
            experiment="experiments/isolation.json",
            version="0.1.0",
            wall=WALL,
            command="chaos run experiments/isolation.json",
            replay=f"chaos run --var seed=7 --var 'target={self.target}' experiments/isolation.json",
            probes=[
                {
                    "name": name,
                    "model": "iris",
                    "payload": {"x": 1, "nonce": "{nonce}"},
                    "schedule": {"arrival": "poisson", "rate": self.rate},
                    "objectives": OBJECTIVES,
                    "guards": [{"target": 0.99, "burn_rate": 20.0, "window": 3.0}],
                }
                for name in self.probes
            ],
            phases={"warmup": WARMUP, "baseline": BASELINE, "recovery": RECOVERY},
        )
        self.operation("register", "iris", 0.06)
        self.operation("register", self.model, 0.05)
        self.add("worker", worker="probes", event="started", pid=4242)

    def add(self, kind: str, **values: Any) -> None:
        """One event, now."""
        self.events.append({"kind": kind, "at": self.now, **values})

    def operation(
        self, operation: str, model: str, seconds: float, outcome: str = "ok", detail: str = ""
    ) -> None:
        """One call on the control plane, that ends after ``seconds``."""
        start, self.now = self.now, self.now + seconds
        values = {"operation": operation, "model": model, "outcome": outcome, "detail": detail}
        self.add("operation", start=start, end=self.now, **values)

    def lease(self, event: str, reason: str = "") -> None:
        """One step of the fault's life."""
        about = {"id": "handler_dos-1", "fault": self.fault, "model": self.model}
        self.add(
            "fault", event=event, reason=reason, arguments={"model": self.model, "mode": "occupy"}, **about
        )

    def measure(self, phase: str, seconds: float, behaviour: Behaviour | None, cores: float = 0.3) -> None:
        """A phase: frames ten times a second, resources twice; the fault is injected at once in its own."""
        self.add("phase", phase=phase)
        if phase == "fault":
            self.now += 0.02
            self.lease("injected")
        for frame in range(round(seconds * 10)):
            for name in self.probes:
                if behaviour is not None:
                    self._due(name, self.rate, phase, behaviour)
            self._due("null", 50.0, phase, _null)
            self.now += 0.1
            if frame % 5 == 0:
                values = {
                    "processes": 9,
                    "cpu": cores + float(self.random.uniform(0, 0.1)),
                    "fds": 120,
                    "threads": 31,
                }
                self.add("resource", rss=int(3.1e8 + 1e6 * frame), **values)
            self.add("frame", worker="probes", streams={name: self._entry(name) for name in self._counters})

    def end(self, status: str = "completed", *, deviated: bool = False, reason: str = "") -> list[Event]:
        """Close the history; what is in flight is drained first."""
        self.add("phase", phase="end")
        self.now += 3.0
        self.add("frame", worker="probes", streams={name: self._entry(name) for name in self._counters})
        self.add("worker", worker="probes", event="stopped", pid=4242)
        self.operation("unregister", self.model, 0.02)
        self.add("end", status=status, deviated=deviated, reason=reason)
        return self.events

    def _due(self, name: str, rate: float, phase: str, behaviour: Behaviour) -> None:
        for offset in self.random.uniform(0, 0.1, self.random.poisson(rate / 10)):
            seconds, outcome = behaviour(self.random, phase)
            due = self.now + float(offset)
            bucket = int(buckets_of(np.array([seconds]))[0])
            self._pending[name].append((due + seconds, [slot_of(due), int(outcome), bucket, 1]))
            self._counters[name][0] += 1

    def _entry(self, name: str) -> dict[str, Any]:
        done = [cell for at, cell in self._pending[name] if at <= self.now]
        self._pending[name] = [entry for entry in self._pending[name] if entry[0] > self.now]
        self._counters[name][1] += len(done)
        planned, completed = self._counters[name]
        return {
            "cells": done,
            "late": [[int(buckets_of(np.array([3e-4]))[0]), len(done)]] if done else [],
            "planned": planned,
            "sent": planned,
            "done": completed,
            "in_flight": planned - completed,
            "received": 200 * completed,
        }


def _null(random: np.random.Generator, _phase: str) -> tuple[float, Outcome]:
    return float(random.lognormal(np.log(2e-4), 0.3)), Outcome.OK


def steady(random: np.random.Generator, _phase: str) -> tuple[float, Outcome]:
    """About 4 ms, whatever happens beside it."""
    return float(random.lognormal(np.log(4e-3), 0.25)), Outcome.OK


def starved(random: np.random.Generator, phase: str) -> tuple[float, Outcome]:
    """During the fault, answers come late, with an error, or not in time."""
    if phase != "fault":
        return steady(random, phase)
    match random.choice(4, p=[0.72, 0.14, 0.1, 0.04]):
        case 0:
            return float(random.lognormal(np.log(0.9), 0.4)), Outcome.OK
        case 1:
            return 2.0, Outcome.TIMEOUT
        case 2:
            return float(random.lognormal(np.log(0.05), 0.5)), Outcome.HTTP_5XX
    return 0.002, Outcome.RESET


def _run(builder: Builder, behaviour: Behaviour | None) -> list[Event]:
    builder.measure("warmup", WARMUP, behaviour)
    builder.measure("baseline", BASELINE, behaviour)
    builder.lease("intent", "planned for 10 s")
    builder.measure("fault", FAULT, behaviour, cores=1.6)
    builder.lease("reverted", "as planned")
    builder.measure("recovery", RECOVERY, behaviour)
    return builder.end()


@cache
def passing() -> list[Event]:
    """Nothing happens to the victim."""
    return _run(Builder(), steady)


@cache
def failing() -> list[Event]:
    """A shared queue: during the fault the victim waits behind the hostile requests."""
    return _run(Builder(defects=["shared_queue"]), starved)


@cache
def guarded() -> list[Event]:
    """A guard cuts the fault short, and the control plane loses an answer."""
    builder = Builder(defects=["shared_queue"])
    builder.measure("warmup", WARMUP, starved)
    builder.measure("baseline", BASELINE, starved)
    builder.lease("intent", "planned for 10 s")
    builder.measure("fault", 3.0, starved)
    builder.add("guard", probe="victim", guard=0, burn=27.5)
    builder.lease("reverted", "cut short")
    builder.operation("scale", "iris", 0.5, "info", "no answer within 0.5 s")
    builder.measure("recovery", RECOVERY, steady)
    builder.add("problem", text="traffic worker 'fault:hostile:occupy' died: killed by signal 9")
    return builder.end(deviated=True)


@cache
def broken_off() -> list[Event]:
    """The harness was killed in the middle of the fault; requests were in flight."""
    builder = Builder()
    builder.measure("warmup", WARMUP, starved)
    builder.measure("baseline", BASELINE, starved)
    builder.lease("intent", "planned for 10 s")
    builder.measure("fault", 4.0, starved)
    return builder.events


@cache
def empty() -> list[Event]:
    """All phases, and not one request completed or was planned."""
    return _run(Builder(), None)


@cache
def hostile() -> list[Event]:
    """Every text that others choose tries to break out of where it is printed."""
    builder = Builder(
        target=f"oip+http://host/{HOSTILE_NAME}",
        title=HOSTILE_NAME,
        fault=HOSTILE_NAME,
        model=HOSTILE_NAME,
        defects=[HOSTILE_NAME],
    )
    builder.add("problem", text=HOSTILE_NAME)
    builder.operation("scale", HOSTILE_NAME, 0.1, "fail", HOSTILE_NAME)
    return _run(builder, starved)


@cache
def long() -> list[Event]:
    """Two probes, and phases long enough that what is plotted has to be merged."""
    builder = Builder(probes=("victim", "other"), rate=400.0)
    return _run(builder, starved)
