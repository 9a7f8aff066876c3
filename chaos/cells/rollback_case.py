"""One case of an operation that cannot be satisfied, or whose answer is lost: sent, waited for, and noted.

Notes ``case``: ``name``; ``how`` it must end (``refused``: all is as before; ``halfway``: as before, or as it was asked
for, and the latter after a retry; ``done``: as it was asked for); ``asked`` (in words); ``must`` (whether it must be
refused); ``answers`` (``status``, 0 for none; the server's ``words``; ``start``, when it was sent; ``seconds``;
whether it was ``lost`` on purpose); ``before`` and ``after`` (see :mod:`chaos.properties.standing`); ``rest`` (seconds
until it came to rest as it must, null if it did not). Those that are not refused also have ``model``, and the
``workers`` that it is to have (0: it is to be gone), and ``retried``: the state after the retry.

Notes ``free``: ``name`` of the case, ``model``, and the ``reason`` why its name could not be registered afterwards
(empty: it could). Notes ``skipped``: ``case``, ``reason``.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from chaos.cells.bench import Bench
from chaos.cells.standing import at_rest, known, removed
from chaos.errors import TargetError
from chaos.faults.race import Attempt, Entry, Loss, race
from chaos.properties.standing import State, as_asked, differences
from chaos.targets.base import ControlRequests, Register, Scale, need
from chaos.targets.http import Answer
from chaos.traffic.spec import HttpRequest

__all__ = ["EnoughSeen", "Stage", "told"]


class EnoughSeen(Exception):  # noqa: N818
    """So much was left behind that what comes after would be judged by it."""


def told(request: HttpRequest, attempt: Attempt) -> dict[str, Any]:
    """An attempt as it is noted."""
    return {
        "status": attempt.status,
        "start": attempt.start,
        "words": Answer(request.method, request.url, attempt.status, attempt.body).words or attempt.detail,
        "seconds": attempt.end - attempt.start,
        "lost": attempt.lost,
    }


class Stage:
    """Where cases are played, until as many as ``stop_after`` did not come to rest: what they left is in the way."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._restless = 0
        self._resting: State | None = None
        self._control = need(bench.target, ControlRequests)
        self._rest = bench.settings["rest_seconds"]

    def scale(self, model: str, workers: int) -> HttpRequest:
        """Scale a model."""
        return self._control.control_request("scale", model, workers)

    def register(self, model: str, package: str, workers: int) -> HttpRequest:
        """Register a model."""
        return self._control.control_request("register", model, workers, package)

    def unregister(self, model: str) -> HttpRequest:
        """Unregister a model."""
        return self._control.control_request("unregister", model)

    async def refused(
        self, name: str, asked: str, *requests: HttpRequest, loss: Loss = "", must: bool = True
    ) -> None:
        """What cannot be satisfied; several requests start at once."""
        before = await self._before()
        answers = await self._send(*requests, loss=loss)
        after, rest = await at_rest(self.bench.target, lambda state: differences(before, state), self._rest)
        self._note(name, "refused", asked, answers, before, after, rest, must=must and not loss)

    async def halfway(self, name: str, asked: str, request: HttpRequest, model: str, workers: int) -> None:
        """What can be satisfied, and is: but the client leaves, and comes back to ask again."""
        before = await self._before()

        def torn(state: State) -> list[str]:
            return differences(before, state) and as_asked(before, state, model, workers)

        def undone(state: State) -> list[str]:
            return as_asked(before, state, model, workers)

        answers = await self._send(request, loss="early")
        after, rest = await at_rest(self.bench.target, torn, self._rest)
        answers += await self._send(request)
        retried, _ = await at_rest(self.bench.target, undone, self._rest)
        wanted = {"model": model, "workers": workers, "retried": retried}
        self._note(name, "halfway", asked, answers, before, after, rest, **wanted)

    async def done(self, name: str, asked: str, request: HttpRequest, model: str, workers: int) -> None:
        """What can be satisfied."""
        before = await self._before()
        answers = await self._send(request)
        after, rest = await at_rest(
            self.bench.target, lambda state: as_asked(before, state, model, workers), self._rest
        )
        self._note(name, "done", asked, answers, before, after, rest, model=model, workers=workers)

    async def free(self, name: str, model: str, package: str) -> None:
        """Whether a model of this name can be registered now."""
        reason = ""
        try:
            await need(self.bench.target, Register).register(model, package, 1)
        except TargetError as error:
            reason = str(error)
        self.bench.note("free", name=name, model=model, reason=reason)

    async def repair(self, model: str, workers: int) -> None:
        """Bring a model to what the next case begins with, if it is not there: one failed case is not to be two."""
        state = await known(self.bench.target, self._rest)
        if state["models"].get(model, {}).get("desired") != workers:
            with suppress(TargetError):
                await need(self.bench.target, Scale).scale(model, workers)

    async def remove(self, model: str) -> None:
        """Leave nothing of a model, as far as the target does it."""
        await removed(self.bench.target, model, self._rest)

    async def _before(self) -> State:
        """What there is when nothing moves any more: at once, if it is what an earlier case left at rest."""
        seen = await known(self.bench.target, self._rest)
        if self._resting is not None and not differences(self._resting, seen):
            return seen

        def moved(state: State) -> list[str]:
            nonlocal seen
            last, seen = seen, state
            return differences(last, state)

        state, _ = await at_rest(self.bench.target, moved, self._rest)
        return state

    async def _send(self, *requests: HttpRequest, loss: Loss = "") -> list[dict[str, Any]]:
        entries = [Entry(request, loss, again=False) for request in requests]
        attempts = await race(entries, self.bench.settings["answer_seconds"])
        return [told(requests[attempt.index], attempt) for attempt in attempts]

    def _note(
        self,
        name: str,
        how: str,
        asked: str,
        answers: list[dict[str, Any]],
        before: State,
        after: State,
        rest: float | None,
        **more: Any,
    ) -> None:
        told: dict[str, Any] = {"name": name, "how": how, "asked": asked, "answers": answers, "rest": rest}
        self.bench.note("case", **told, before=before, after=after, **more)
        self._restless += rest is None
        self._resting = after if rest is not None else None
        if self._restless >= self.bench.settings["stop_after"]:
            raise EnoughSeen
