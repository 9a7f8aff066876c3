"""What a traffic worker is told on stdin and what it answers on stdout: plain data, one JSON line each.

The worker reads one :class:`WorkerSpec` line, then commands, one JSON object a line:

- ``{"command": "start", "stream": NAME}``  start a stream that was declared with ``paused``
- ``{"command": "stop", "stream": NAME}``   plan no more requests for it; those in flight finish
- ``{"command": "stop"}``                   stop all streams, flush, exit 0 when nothing is in flight
- end of file                               the session is gone: exit at once

It answers with frames, each an object with ``kind`` and ``at`` (monotonic clock, seconds):

- ``hello``    ``pid``, ``monotonic`` and ``wall`` read together, ``worker``
- ``frame``    ``streams``: name → ``{"cells": [[slot, outcome, bucket, count], …], "late": [[bucket,
  count], …], "planned": n, "sent": n, "done": n, "in_flight": n, "received": bytes}``. Cells and
  ``late`` hold what completed since the frame before; the counters are totals. ``slot`` is that of
  the *intended* start; ``bucket`` is the latency counted from the intended start; ``late`` is the
  actual minus the intended start. ``planned`` = ``done`` + ``in_flight`` + those that wait for a
  connection; each of these is sent in its turn, save that what still waits ``timeout`` seconds after a
  stop is counted as ``TIMEOUT`` unsent. A stream with ``each`` also has ``"each": [[intended, started, ended,
  outcome], …]``, instants of the monotonic clock, one row a request that completed since the frame before. One frame
  holds all streams of the worker, at least ten a second.
- ``stopped``  ``stream``: nothing of it is planned or in flight any more
- ``error``    ``message``: the worker cannot go on; exits 1
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass, fields
from enum import IntEnum
from typing import Any, Literal

__all__ = ["NONCE", "Arrivals", "HttpRequest", "Outcome", "Stream", "WorkerSpec"]

NONCE = "{nonce}"
"""Placeholder in a request's body or headers; each request carries 16 hex digits of its own there."""


class Outcome(IntEnum):
    """How one request ended. Everything but ``OK`` is a failure."""

    OK = 0
    REFUSED = 1
    RESET = 2
    TIMEOUT = 3
    TRUNCATED = 4
    HTTP_4XX = 5
    HTTP_5XX = 6
    WRONG = 7

    @property
    def label(self) -> str:
        """The name as reports print it."""
        return _LABELS[self]


_LABELS = {
    Outcome.OK: "ok",
    Outcome.REFUSED: "refused",
    Outcome.RESET: "reset",
    Outcome.TIMEOUT: "timeout",
    Outcome.TRUNCATED: "truncated",
    Outcome.HTTP_4XX: "HTTP 4xx",
    Outcome.HTTP_5XX: "HTTP 5xx",
    Outcome.WRONG: "wrong answer",
}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request template; ``body`` and header values may hold :data:`NONCE`, also more than once.

    Where they do, a right answer whose body lacks the nonce that was sent is ``Outcome.WRONG``. An answer is right if
    its status is one of ``expect``, or 2xx if that is empty; a 2xx that is not expected is ``Outcome.WRONG`` too.
    """

    url: str
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    verify_tls: bool = True
    expect: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The arrival schedule: open (``constant``, ``poisson``, ``ramp``, ``burst``) or closed (``users``).

    ``rate`` and ``to_rate`` are requests per second, ``seconds`` the length of the ramp (after which
    ``to_rate`` is kept), ``users`` the number of requests kept in flight. A ``burst`` is ``users`` requests due at one
    instant, at once and then every ``seconds``.
    """

    kind: Literal["constant", "poisson", "ramp", "burst", "users"]
    rate: float = 0.0
    to_rate: float = 0.0
    seconds: float = 0.0
    users: int = 0


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of requests: what, when, for how long to wait (``timeout`` in seconds), from which seed."""

    name: str
    request: HttpRequest
    arrivals: Arrivals
    timeout: float = 5.0
    seed: int = 0
    max_connections: int = 512
    paused: bool = False
    each: bool = False
    """Whether frames hold each request besides the counts: for some thousand requests a second, not for more."""


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """All that one worker process does. ``null_rate`` > 0 adds the null probe: a stream named ``null``
    against an echo socket of the worker's own, whose latency is the harness's noise floor."""

    worker: str
    streams: tuple[Stream, ...]
    frame_seconds: float = 0.1
    null_rate: float = 0.0
    measures: bool = True
    """Whether its latencies are evidence: it is then given the CPU before others, where that is allowed. One that
    only puts load on a target gets what the others leave, so that it is no fault of its own."""

    def to_json(self) -> str:
        """One line of JSON; bodies are base64."""
        document = asdict(self)
        for stream in document["streams"]:
            stream["request"]["body"] = base64.b64encode(stream["request"]["body"]).decode()
        return json.dumps(document)

    @classmethod
    def from_json(cls, line: str | bytes) -> WorkerSpec:
        """Read back what :meth:`to_json` wrote.

        :raises ValueError: if the line is not such a document
        """
        try:
            document: dict[str, Any] = json.loads(line)
            document["streams"] = tuple(_stream(entry) for entry in document["streams"])
            return cls(**document)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a worker spec: {error!r}") from error


def _stream(entry: dict[str, Any]) -> Stream:
    request = dict(entry["request"])
    request["headers"] = tuple((str(name), str(value)) for name, value in request["headers"])
    request["body"] = base64.b64decode(request["body"])
    request["expect"] = tuple(int(status) for status in request["expect"])
    known = {item.name for item in fields(Stream)} - {"request", "arrivals"}
    rest = {name: value for name, value in entry.items() if name in known}
    return Stream(request=HttpRequest(**request), arrivals=Arrivals(**entry["arrivals"]), **rest)
