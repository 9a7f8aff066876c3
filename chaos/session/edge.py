"""The synchronous edge of a session: the event loop in a thread of its own, and calls into it (D2).

Chaos Toolkit runs one experiment a process, calls plain functions, and interrupts them by raising
in the main thread. Here a call that is interrupted cancels its task, and whatever ends the run, the session is
closed and its run directory is written.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from anyio.from_thread import start_blocking_portal

from chaos.analysis import Summary, analyse
from chaos.errors import ChaosError, single
from chaos.history import HistoryWriter, read_history
from chaos.reporting.terminal import open_view
from chaos.reporting.write import write_reports
from chaos.session.plan import Plan
from chaos.session.run import Session
from chaos.sla.statistics import load

__all__ = ["GRACEFULLY", "UNGRACEFULLY", "Edge", "current", "open_edge", "release", "session_needed"]

FINISH_SECONDS = 90.0
"""The longest that drains, deadlines and reverts may take together at the end."""

GRACEFULLY = 20
"""The exit code by which Chaos Toolkit knows an interruption that still plays the rollbacks."""

UNGRACEFULLY = 30
"""The one by which it knows an interruption that skips them; faults are reverted all the same."""

Result = TypeVar("Result")

_current: Edge | None = None


class Edge:
    """A session and the thread it lives in. Made by :func:`open_edge`, ended by :meth:`finish`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.summary: Summary | None = None
        self._history = HistoryWriter(plan.directory)
        self._view = open_view(sys.stderr, plan.probes, plan.arguments.seconds.model_dump())
        self._session = Session(plan, self._history, self._view)
        self._portal_context = start_blocking_portal("asyncio", {"use_uvloop": True})
        self._portal = self._portal_context.__enter__()
        self._serving: Future[None] | None = None

    def start(self) -> None:
        """Open the session.

        :raises ChaosError: if the target cannot be opened or lacks a capability
        """
        try:
            self._serving, _ = self._portal.start_task(self._session.serve)
        except Exception as error:
            raise single(error) from None

    def call(self, function: Callable[..., Awaitable[Result]], *arguments: Any) -> Result:
        """Run a coroutine function of the session; an interruption of this thread cancels it."""
        if self._serving is None or self._serving.done():
            raise ChaosError("the session has ended (an earlier line says why)")
        future: Future[Result] = self._portal.start_task_soon(function, *arguments)
        try:
            return future.result()
        except Exception as error:
            raise single(error) from None
        except BaseException:
            future.cancel()
            raise

    def cut_short(self) -> None:
        """Have every fault in force reverted, and do not wait for it. May be called from a signal handler."""
        if self._serving is not None and not self._serving.done():
            self._portal.start_task_soon(self._session.revert)

    @property
    def session(self) -> Session:
        """The session; use it through :meth:`call`."""
        return self._session

    def finish(self, status: str, deviated: bool, problems: list[str]) -> Summary:
        """Close the session, write how it ended, judge the history and write the reports. Idempotent.

        :param status: Chaos Toolkit's word for how the experiment ended
        :param problems: what Chaos Toolkit would let pass and a verdict must not
        """
        if self.summary is None:
            with _uninterrupted():
                problems = [*self._close(), *problems]
                for text in problems:
                    self._session.emit("problem", text=text)
                self._session.emit("end", status=status, deviated=deviated, reason="; ".join(problems))
                self._view.close()
                self._history.close()
                events = read_history(self.plan.directory)
                self.summary = analyse(events)
                write_reports(self.plan.directory, events, self.summary)
        return self.summary

    def _close(self) -> list[str]:
        """End the session's task and its thread; return what went wrong."""
        # Interrupted while it opened: leaving the portal with an error cancels what is still running.
        failure: BaseException | None = None if self._serving else SystemExit(GRACEFULLY)
        try:
            if self._serving is not None:
                self._portal.start_task_soon(self._session.close)
                self._serving.result(FINISH_SECONDS)
        except BaseException as error:
            failure = error
        with suppress(SystemExit):
            self._portal_context.__exit__(type(failure) if failure else None, failure, None)
        if failure is None or self._serving is None:
            return []
        cause = single(failure)
        return [f"the session broke off: {str(cause) or type(cause).__name__}"]


def open_edge(plan: Plan) -> Edge:
    """Start a session and make it the current one.

    :raises ChaosError: if it cannot be opened; what was started by then is gone again
    """
    global _current
    load()
    edge = _current = Edge(plan)
    try:
        edge.start()
    except BaseException as error:
        reason = str(error) or type(error).__name__
        edge.finish("failed", deviated=False, problems=[f"the run did not start: {reason}"])
        _current = None
        raise
    return edge


def session_needed(activity: str) -> Edge:
    """The session that the control opened.

    A failed activity does not change Chaos Toolkit's exit code, and without the control nobody would; so
    where there is no session the experiment is interrupted, as ``chaoslib.exit`` does it.
    """
    edge = current()
    if edge is None:
        logging.getLogger("chaostoolkit").error(
            f"{activity}: no session is open (add the control with module 'chaos.control' to the experiment's "
            "'controls', as experiments/isolation.json has it)"
        )
        raise SystemExit(GRACEFULLY)
    return edge


def current() -> Edge | None:
    """The session of this process, if one is open."""
    return _current


def release() -> None:
    """Forget the current session, once it is finished."""
    global _current
    _current = None


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let no signal cut short what undoes and records a run; all of it is under deadlines."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
