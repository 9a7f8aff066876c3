"""One stream at work: its template, plan, pool, schedule and recorder, and what a frame says about it."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

from chaos.traffic.arrivals import ArrivalPlan, check_arrivals
from chaos.traffic.pool import Pool
from chaos.traffic.recorder import Recorder
from chaos.traffic.schedule import ClosedSchedule, OpenSchedule, Schedule
from chaos.traffic.spec import Stream
from chaos.traffic.template import RequestTemplate

__all__ = ["TrafficStream"]


class TrafficStream:
    """Sends the requests of one :class:`Stream` and counts what becomes of them.

    Must be made within a running event loop; ``tasks`` is where its connections are made.

    :raises ValueError: if the stream asks for something that cannot be done
    """

    def __init__(self, stream: Stream, worker: str, tasks: asyncio.TaskGroup) -> None:
        if not (math.isfinite(stream.timeout) and stream.timeout > 0):
            raise ValueError(f"timeout is {stream.timeout!r} (seconds, finite and above 0)")
        if stream.max_connections < 1:
            raise ValueError(f"max_connections is {stream.max_connections!r} (at least 1)")
        check_arrivals(stream.arrivals)
        closed = stream.arrivals.kind == "users"
        self.name = stream.name
        self.finished = asyncio.Event()
        """Set when the stream was stopped and nothing of it is planned or in flight any more."""
        self._recorder = Recorder(each=stream.each)
        self._pool = Pool(
            RequestTemplate(stream.request),
            self._recorder,
            tasks,
            timeout=stream.timeout,
            limit=stream.arrivals.users if closed else stream.max_connections,
            label=f"{stream.seed}/{worker}/{stream.name}",
        )
        self._schedule: Schedule
        if closed:
            self._schedule = ClosedSchedule(self._pool, stream.arrivals.users, self._done)
        else:
            self._schedule = OpenSchedule(
                self._pool,
                ArrivalPlan(stream.arrivals, stream.seed),
                self._recorder,
                patience=stream.timeout,
                on_done=self._done,
            )
        self._started = self._stopped = False

    def start(self) -> None:
        """Begin, once; a stream that was stopped stays so."""
        if not self._started and not self._stopped:
            self._started = True
            self._schedule.start(time.monotonic())

    def stop(self) -> None:
        """Plan no more requests; ``finished`` is set when those in flight have ended. Idempotent."""
        if not self._stopped:
            self._stopped = True
            self._schedule.stop(time.monotonic())

    def entry(self) -> dict[str, Any]:
        """What a frame holds about this stream: cells since the frame before, counters since the start."""
        cells, late = self._recorder.flush()
        rows = self._recorder.rows()
        return {
            **({} if rows is None else {"each": rows}),
            "cells": cells,
            "late": late,
            "planned": self._schedule.planned(time.monotonic()),
            "sent": self._pool.sent,
            "done": self._recorder.total,
            "in_flight": self._pool.in_flight,
            "received": self._pool.received,
        }

    def close(self) -> None:
        """Drop all connections and plan nothing more. Idempotent."""
        self._schedule.close()
        self._pool.close()

    def _done(self) -> None:
        self._pool.close()
        self.finished.set()
