"""A small model of the control plane: what an operation must be answered, and what must stand after it.

It follows a program as it runs. Where nobody can know (an answer was lost, operations overlapped), it says nothing
until what stands was seen at rest, and takes that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from chaos.operations.record import CHANGES, Done
from chaos.properties.standing import ACCOUNTS, State, differences
from chaos.targets.records import NodeLimits

__all__ = ["SCARCE_WORKERS", "Expected", "Known", "Reference"]

SMALL = 8
"""So many workers every target can have, also one that does not tell what it can bear."""
SCARCE_WORKERS = 2
"""So many workers of the package ``scarce`` start, and no more."""

GONE = 404

Expected = Literal["ok", "refused", "any"]


@dataclass(frozen=True, slots=True)
class Known:
    """A model: its ``workers``, None if it is not there; ``sure`` is whether that is known."""

    workers: int | None = None
    package: str = ""
    sure: bool = True


class Reference:
    """The models of one program, by the program's names for them.

    :param names: the real names
    :param before: what stood before the program
    :param limits: what the node can bear; None if it is not known
    :param reloads: whether a registration of what is there is taken for a wish to load it again
    """

    def __init__(
        self, names: Mapping[str, str], before: State, limits: NodeLimits | None, reloads: bool
    ) -> None:
        self._names = names
        self._before = before
        self._limits = limits
        self._reloads = reloads
        self._taken = sum(model["desired"] for model in before["models"].values())
        self.models = {model: Known() for model in names}

    def meet(self, model: str) -> None:
        """There is one more model in the program; its name is among the names by now."""
        self.models.setdefault(model, Known())

    def expects(self, done: Done) -> Expected:
        """How an operation must end that nothing overlaps, while no fault is in force."""
        known = self.models.get(done.model, Known())
        if done.operation in ("list", "health"):
            return "ok"
        if not known.sure:
            return "any"
        there = known.workers is not None
        match done.operation:
            case "register" if there:
                return "any" if self._reloads else "refused"
            case "register" | "load" if done.package in ("broken", "missing"):
                return "refused"
            case "register" | "load":
                return self._borne(done.workers, 0, done.package)
            case "scale" if there:
                return self._borne(done.workers, known.workers or 0, known.package)
            case "infer":
                return "ok" if known.workers else "refused"
            case "unregister" | "unload" if not there:
                return "any"
            case _:
                return "ok" if there else "refused"

    def apply(self, overlapping: Iterable[Done]) -> None:
        """Take the operations of a step: one alone does as it was answered; of several that overlap, all must agree."""
        changes = [done for done in overlapping if done.operation in CHANGES]
        for model in {done.model for done in changes}:
            about = [
                done for done in changes if done.model == model and (done.outcome != "fail" or _gone(done))
            ]
            if len(about) == 1 and about[0].known:
                self.models[model] = self._after(about[0])
            elif about:
                same = {(done.operation, done.workers, done.package) for done in about}
                sure = len(same) == 1 and any(done.known for done in about)
                self.models[model] = self._after(about[0]) if sure else Known(sure=False)

    def unsure(self) -> None:
        """Nothing is known any more: a fault was in force."""
        self.models = {model: Known(None, known.package, sure=False) for model, known in self.models.items()}

    def saw(self, state: State) -> None:
        """What stands at rest is what there is, where nothing was known."""
        for model, known in self.models.items():
            if not known.sure:
                told = state["models"].get(self._names[model])
                package = known.package if told is not None else ""
                self.models[model] = Known(None if told is None else told["desired"], package)

    def wrong(self, state: State) -> list[str]:
        """What is not as it must be at rest; of a model of which nothing is known, that its accounts differ."""
        found = differences(self._others(self._before), self._others(state))
        if state["error"]:
            return found
        for model, known in self.models.items():
            name, told = self._names[model], state["models"].get(self._names[model])
            listed = name in state["listed"]
            wanted = known.workers if known.sure else None if told is None else told["desired"]
            if wanted is None:
                found += [f"model '{model}' is still listed"] if listed else []
            elif not listed or told is None:
                found.append(f"model '{model}' is not {'described' if listed else 'listed'}")
            else:
                found += [
                    f"model '{model}' has {told[key]} {what}, wanted {wanted}"
                    for key, what in ACCOUNTS.items()
                    if told[key] not in (wanted, None)
                ]
        return found

    def _others(self, state: State) -> State:
        """What is not the program's."""
        ours = set(self._names.values())
        return {
            **state,
            "listed": [name for name in state["listed"] if name not in ours],
            "models": {name: told for name, told in state["models"].items() if name not in ours},
        }

    def _after(self, done: Done) -> Known:
        if done.operation in ("unregister", "unload"):
            return Known()
        package = done.package if done.operation in ("register", "load") else self.models[done.model].package
        return Known(done.workers, package)

    def _borne(self, workers: int, had: int, package: str) -> Expected:
        """Whether so many workers can be had of a model that had so many."""
        if workers < 0 or (package == "scarce" and workers > SCARCE_WORKERS):
            return "refused"
        if workers <= had:
            return "ok"
        others = self._taken + sum(known.workers or 0 for known in self.models.values()) - had
        if self._limits is None:
            return "ok" if others + workers <= SMALL else "any"
        if not all(known.sure for known in self.models.values()):
            return "any"
        return "ok" if others + workers <= self._limits.bearable else "refused"


def _gone(done: Done) -> bool:
    """Whether it was told that there is nothing to unregister: then there is nothing."""
    return done.operation in ("unregister", "unload") and done.status == GONE
