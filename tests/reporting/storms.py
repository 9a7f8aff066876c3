"""Made-up histories with several faults at once, states of the platform, deaths and checks."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from chaos.history import Event
from tests.reporting.histories import HOSTILE_NAME, START, passing

__all__ = ["hostile_storm", "left_behind", "storm"]

CHECKS = [
    {"check": "oom", "model": "hungry", "within": 5.0},
    {"check": "reconnects", "link": "manager"},
    {"check": "executed_once"},
]

LIFE = {
    # name: injected, reverted, model, arguments, what it touches; seconds since the start
    "link-1": (14.0, 20.0, "", {"link": "manager", "toxic": "down"}, "link 'manager' (down)"),
    "oom-2": (16.5, 18.0, "hungry", {"model": "hungry"}, "one replica of 'hungry'"),
    "process-3": (19.0, 22.5, "", {"role": "proxy", "action": "stop"}, "pid 77 (proxy)"),
}


@cache
def storm() -> list[Event]:
    """Three faults that overlap, a link that was down and came back, a replica that died and was replaced."""
    events = [event for event in copy.deepcopy(passing()) if event["kind"] != "fault"]
    events[0]["checks"] = CHECKS
    events += _faults(reverted=True) + _states()
    death = {
        "model": "hungry",
        "type": "OOMKilled",
        "by": "kernel",
        "pid": 21,
        "at": START + 16.5,
        "detail": "",
    }
    events.append(
        {"kind": "errors", "at": START + 36, "errors": [death, death | {"model": "iris", "pid": 1}]}
    )
    note = {"about": "oom", "lease": "oom-2", "model": "hungry", "by": "kernel", "pid": 21}
    events.append({"kind": "evidence", "at": START + 16.6, **note})
    return _ordered(events)


@cache
def left_behind() -> list[Event]:
    """The same, and one of the faults could not be reverted."""
    events = [event for event in copy.deepcopy(storm()) if event.get("event") != "reverted"]
    return _ordered([*events, *[fault for fault in _faults(reverted=False) if "revert" in fault["event"]]])


@cache
def hostile_storm() -> list[Event]:
    """Every text that others choose tries to break out of where it is printed."""
    events = copy.deepcopy(left_behind())
    for event in events:
        match event["kind"]:
            case "fault":
                event |= {"fault": HOSTILE_NAME, "reason": HOSTILE_NAME, "model": HOSTILE_NAME}
                event |= {"touches": [HOSTILE_NAME], "did": HOSTILE_NAME}
            case "state":
                event["models"] |= {HOSTILE_NAME: event["models"]["hungry"]}
                event["links"] = [link | {"name": HOSTILE_NAME} for link in event["links"]]
            case "errors":
                event["errors"] = [
                    entry | {"type": HOSTILE_NAME, "by": HOSTILE_NAME} for entry in event["errors"]
                ]
    return events


def _faults(*, reverted: bool) -> list[Event]:
    found: list[Event] = []
    for name, (injected, until, model, arguments, touches) in LIFE.items():
        about: dict[str, Any] = {
            "kind": "fault",
            "id": name,
            "fault": name[:-2],
            "model": model,
            "reason": "",
        }
        about["arguments"] = arguments
        ok = reverted or name != "process-3"
        end = {"event": "reverted", "reason": "as planned", "did": f"undid {name}"}
        found += [
            {**about, "event": "intent", "at": START + injected - 0.2},
            {**about, "event": "injected", "at": START + injected, "touches": [touches]},
            {
                **about,
                **(end if ok else {"event": "not reverted", "reason": "send SIGCONT to pid 77"}),
                "at": START + until,
            },
        ]
    return found


def _states() -> list[Event]:
    found = []
    for tenth in range(20, 370):
        at = tenth / 10
        pids = [21, 22] if at < 16.5 else [22] if at < 18.2 else [22, 23]
        hungry = {"desired": 2, "workers": len(pids), "pids": pids, "alive": len(pids)}
        iris = {"desired": 1, "workers": 1, "pids": [1], "alive": 1}
        links = [
            {"name": "manager", "model": "", "up": not 14.3 <= at < 20.4, "since": START},
            {"name": "replica-iris-0", "model": "iris", "up": True, "since": START},
        ]
        models = {"hungry": hungry, "iris": iris}
        found.append(
            {"kind": "state", "at": START + at, "models": models, "strays": 0, "links": links, "error": ""}
        )
    return found


def _ordered(events: list[Event]) -> list[Event]:
    """By instant, with the last event at the end."""
    end = next(event for event in events if event["kind"] == "end")
    end["at"] = max(float(event["at"]) for event in events) + 0.1
    return [events[0], *sorted(events[1:], key=lambda event: float(event["at"]))]
