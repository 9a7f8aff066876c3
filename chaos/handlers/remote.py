"""The process of a handler as the harness sees it: started, asked, and ended, with what its end means."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from chaos.handlers.calls import Outcome
from chaos.handlers.exchange import Exchange, Loss, LostError
from chaos.handlers.hosting import HostLostError, HostProcess
from chaos.handlers.limits import Limits
from chaos.handlers.printed import Printed
from chaos.handlers.told import Told, place_of

__all__ = ["Remote"]

GRACE_SECONDS = 1.0
"""How long a process whose connection has ended may take to be gone, so that it is known how it went."""
LINGER_SECONDS = 1.0
"""How long helper processes may take to see that the handler's is gone."""


class Remote:
    """A host, and its worker if there is one.

    :param environment: see :class:`~chaos.handlers.hosting.HostProcess`, as for ``confined``
    :param secrets: by name; watched for in what is printed
    :ivar pid: the worker's, -1 while there is none
    :ivar left: how many processes outlived the worker when it was last ended
    :ivar gone: the host is lost, and all else with it; there has to be another one
    :raises ChaosError: if it does not start
    """

    def __init__(
        self,
        directory: Path,
        limits: Limits,
        model_name: str,
        environment: Mapping[str, str],
        secrets: Mapping[str, str],
        confined: bool,
    ) -> None:
        self.pid = -1
        self.left = 0
        self.gone = False
        self._directory, self._limits = directory, limits
        self._host = HostProcess(directory, limits, model_name, environment, confined)
        self._printed = Printed(self._host.printed, limits.printed, secrets)
        self._exchange: Exchange | None = None

    @property
    def alive(self) -> bool:
        """Whether the worker is there, and waits for a question, as far as is known."""
        return self._exchange is not None and self._exchange.quiet()

    @property
    def leaked(self) -> frozenset[str]:
        """The names of the secrets that were printed so far."""
        return frozenset(self._printed.leaked)

    def start(self) -> None:
        """Start a worker in place of the one before, if there was one."""
        self.end()
        with suppress(HostLostError):
            connection, self.pid = self._host.start()
            self._exchange = Exchange(
                connection, self._host.frames, self._limits.answer, self._printed, self._crowded
            )

    def ask(self, question: dict[str, Any], body: bytes, seconds: float) -> Told:
        """What the worker says, or what is to be said of its end.

        :param seconds: of wall time that it has for it
        """
        do = question["do"]
        if self._exchange is None:
            self.close()
            return Told.of(do, {"outcome": "crashed", "error": "no process could be started"})
        begin = time.monotonic()
        try:
            told = Told.of(do, *self._exchange.ask(question, body, seconds))
            processes = self._host.descendants
        except LostError as lost:
            return self._lost(do, lost.loss, time.monotonic() - begin, seconds)
        except ValueError:  # in form it was an answer
            return self._lost(do, Loss.BROKEN, time.monotonic() - begin, seconds)
        if processes > self._limits.processes:
            return self._lost(do, Loss.CROWD, time.monotonic() - begin, seconds)
        if told.outcome == "exited":
            self.end()
            processes = self.left
        told.said.update(processes=processes, printed=self._printed.take())
        return told

    def end(self) -> None:
        """End the worker, if there is one, and all that it started."""
        if self._exchange is not None:
            try:
                self.left = int(self._host.end(linger=LINGER_SECONDS)["left"])
            except HostLostError:
                self.close()
        self._let_go()

    def close(self) -> None:
        """End everything. Idempotent."""
        self._let_go()
        if not self.gone:
            self.gone = True
            self._host.close()
            self._printed.close()

    def _crowded(self) -> bool:
        return self._host.descendants > self._limits.processes

    def _lost(self, do: str, loss: Loss, took: float, seconds: float) -> Told:
        """What a worker comes to that did not answer: it is ended, if it is not gone already."""
        crowd = self._host.descendants
        said: dict[str, Any] = {"seconds": took}
        try:
            ended = self._host.end(
                grace=GRACE_SECONDS if loss is Loss.CLOSED else 0.0,
                trace=loss is Loss.LATE,
                linger=0.0 if loss is Loss.CROWD else LINGER_SECONDS,
            )
            self.left = int(ended["left"])
            said["outcome"], said["error"] = _explained(loss, ended, crowd, seconds, self._limits)
            said["place"] = place_of(self._host.trace, self._directory)
        except HostLostError:
            said |= {"outcome": "crashed", "error": "ended the process that watches over it"}
        said |= {"printed": self._printed.take(), "processes": crowd if loss is Loss.CROWD else self.left}
        if "place" in said:
            self._let_go()
        else:
            self.close()
        return Told.of(do, said)

    def _let_go(self) -> None:
        if self._exchange is not None:
            self._exchange.close()
        self._exchange = None
        self.pid = -1


def _explained(
    loss: Loss, ended: dict[str, Any], crowd: int, seconds: float, limits: Limits
) -> tuple[Outcome, str]:
    """How a process ended, and why, in words."""
    if loss is Loss.CROWD:
        return "processes", f"has {crowd} processes, more than the {limits.processes} allowed"
    if ended["oom"]:
        return "memory", f"needed more than the {limits.memory / (1 << 20):g} MiB of memory allowed"
    if ended["signal"] == signal.SIGXCPU:
        return "timeout", f"used more than {limits.cpu:g} s of processor time"
    if loss is Loss.LATE:
        return "timeout", f"did not end within {seconds:.3g} s"
    if loss is Loss.BROKEN:
        return "crashed", "wrote to the harness's connection, which is none of its descriptors"
    if ended["killed"]:
        return "crashed", "closed the harness's connection, which is none of its descriptors"
    if ended["signal"]:
        return "crashed", f"was ended by {_name(ended['signal'])}"
    return "exited", f"ended its process with exit code {ended['code']}"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
