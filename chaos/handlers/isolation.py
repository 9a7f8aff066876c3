"""A handler package in a process of its own, under limits: whatever it does there is a result.

A handler that hangs, in C code as well, takes too much memory, crashes, exits, forks without end, closes or writes to
descriptors that are not its own, prints without end, or leaves processes in sessions of their own, ends its process and
nothing else. The memory and the processes are counted by cgroups where there are any (Linux, and a group that we may
write to); else each process limits its own memory, and processes are counted now and then.

It protects from mistakes, not from malice: a handler runs as the user that tests it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chaos.handlers.calls import MODEL, Call, Kept, Outcome, Run, Value
from chaos.handlers.environment import canaries
from chaos.handlers.limits import Limits
from chaos.handlers.remote import Remote
from chaos.handlers.told import Told

__all__ = ["MODEL", "Call", "Isolated", "Kept", "Limits", "Outcome", "Run", "Value"]

DEFAULT = Limits()


class Isolated:
    """One process for one package; a context manager, at whose end it is gone with all that descends from it.

    A call on a process that is gone starts a new one and loads again. Not thread-safe: for parallel work there are
    several, each used by one thread at a time.

    :param directory: the package
    :param environment: variables for the handler; of the harness's own it gets only what it needs to run
    :param confined: False does without cgroups
    :ivar own: after loading: the functions that the package itself defines; ``functions``: all that can be called
    :ivar canaries: secrets that only this handler's environment has, by name
    :ivar resident: resident set of the process when it last told, in bytes; 0 while there is none
    :ivar loads: how often ``model_fn`` loaded a model until it was loaded, which should be once
    """

    def __init__(
        self,
        directory: Path,
        limits: Limits = DEFAULT,
        *,
        model_name: str = "",
        environment: Mapping[str, str] | None = None,
        confined: bool = True,
    ) -> None:
        self.limits = limits
        self.own: frozenset[str] = frozenset()
        self.functions: frozenset[str] = frozenset()
        self.canaries: Mapping[str, str] = canaries()
        self.resident = self.loads = 0
        self._directory = directory.absolute()
        self._model_name = model_name
        self._environment = {**self.canaries, **(environment or {})}
        self._confined = confined
        self._remote: Remote | None = None
        self._loaded = self._ever = False
        self._number = 0
        self._kept: set[int] = set()
        self._leaked: frozenset[str] = frozenset()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether there is a process that waits for a call, as far as is known."""
        return self._remote is not None and self._remote.alive

    @property
    def pid(self) -> int:
        """The handler's process; -1 while there is none."""
        return self._remote.pid if self._remote is not None else -1

    @property
    def leaked(self) -> frozenset[str]:
        """The names of the canaries that were printed so far."""
        return self._leaked | (self._remote.leaked if self._remote is not None else frozenset())

    def load(self) -> Call:
        """Import the package and load its model, in a new process.

        :return: ``function`` is ``import`` if that failed, else ``model_fn``, with its time
        :raises ChaosError: if the harness cannot start a process
        """
        return _loading(self._load())

    def call(self, function: str, *arguments: object) -> Call:
        """Call one function, on bytes, text, None, or values that were kept; as a server does.

        ``input_fn`` takes the body and its content type, ``predict_fn`` the data and the model, ``output_fn`` the
        prediction and what is accepted, ``transform_fn`` the model, the body, its content type and what is accepted.

        :raises ValueError: if there is no such function, an argument is of another kind, or it was kept by no process
            or forgotten
        :raises ChaosError: if the harness cannot start a process
        """
        given, body = self._given(arguments)
        failed, restarted = self._ready()
        if failed is not None:
            return _loading(failed, restarted)
        if function not in self.functions:
            raise ValueError(f"the package has no {function}")
        if restarted and any(isinstance(each, Kept) and each != MODEL for each in arguments):
            error = "its process had ended before, and with it what it was to be given"
            return Call(function, "crashed", 0.0, error=error, restarted=True)
        self._number += 1
        question = {"do": "call", "function": function, "arguments": given, "keep": self._number}
        told = self._ask(question, body, self.limits.call)
        if told.value is not None:
            self._kept.add(self._number)
        return told.call(function, kept=self._number, restarted=restarted)

    def run(self, body: bytes, content_type: str | None, accept: str | None = "") -> Run:
        """Answer one request: the whole pipeline, as a server does, in one exchange.

        :raises ChaosError: if the harness cannot start a process
        """
        failed, restarted = self._ready()
        if failed is not None:
            return failed.run(restarted=restarted)
        question = {"do": "run", "content_type": content_type, "accept": accept}
        return self._ask(question, body, self.limits.call).run(restarted=restarted)

    def forget(self) -> None:
        """Let go of all kept values but the model."""
        self._kept.clear()
        if self._loaded and self.alive:
            self._ask({"do": "forget"}, b"", self.limits.call)

    def kill(self) -> None:
        """End the call that another thread waits for, as if its process had crashed."""
        pid = self.pid
        if pid > 0:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def end(self) -> int:
        """End the process; how many that it had started lived on, until they were ended too."""
        if self._remote is None:
            return 0
        self._remote.end()
        return self._remote.left

    def close(self) -> None:
        """End everything. Idempotent."""
        self._kept.clear()
        if self._remote is not None:
            self._remote.close()
            self._leaked |= self._remote.leaked
            self._remote = None

    def _ready(self) -> tuple[Told | None, bool]:
        """See to it that there is a process that has loaded: how loading failed, if so; and whether one was gone."""
        if self._loaded and self.alive:
            return None, False
        restarted = self._ever
        told = self._load()
        return (None if self._loaded else told), restarted

    def _load(self) -> Told:
        end = time.monotonic() + self.limits.load
        self._loaded = False
        self._kept.clear()
        if self._remote is not None and self._remote.gone:
            self.close()
        if self._remote is None:
            self._remote = Remote(
                self._directory,
                self.limits,
                self._model_name,
                self._environment,
                self.canaries,
                self._confined,
            )
        self._remote.start()
        importing = self._ask({"do": "import"}, b"", self.limits.load)
        if importing.outcome != "ok":
            return importing
        self.own, self.functions = importing.names("own"), importing.names("callable")
        told = self._ask({"do": "load"}, b"", end - time.monotonic()).after(importing)
        self.loads = told.common["loads"]
        self._loaded = told.outcome == "ok"
        self._ever = self._ever or self._loaded
        return told

    def _ask(self, question: dict[str, Any], body: bytes, seconds: float) -> Told:
        assert self._remote is not None, "it was started"  # noqa: S101
        told = self._remote.ask(question, body, seconds)
        self.resident = told.common["memory"] if self._remote.alive else 0
        return told

    def _given(self, arguments: tuple[object, ...]) -> tuple[list[tuple[str, object]], bytes]:
        given: list[tuple[str, object]] = []
        body = b""
        for argument in arguments:
            if isinstance(argument, Kept):
                if argument != MODEL and argument.number not in self._kept:
                    raise ValueError(f"value {argument.number} is not kept")
                given.append(("kept", argument.number))
            elif isinstance(argument, bytes):
                given.append(("bytes", len(argument)))
                body += argument
            elif argument is None or isinstance(argument, str):
                given.append(("text", argument))
            else:
                raise ValueError(
                    f"a {type(argument).__name__} cannot be given to a handler in another process"
                )
        return given, body


def _loading(told: Told, restarted: bool = False) -> Call:
    return told.call("model_fn" if told.did == "load" else "import", restarted=restarted)
