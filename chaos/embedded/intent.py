"""What every operation on a model keeps to: is the model there, can the node bear it, do its workers serve, is it
on disk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Set

from chaos.embedded.defects import Defect
from chaos.embedded.fleet import Fleet
from chaos.embedded.limits import Admission
from chaos.embedded.models import Model, Refusal
from chaos.embedded.state import MeantModel, StateFile

__all__ = ["HEARSAY_SECONDS", "SETTLE_SECONDS", "WAIT_SECONDS", "Intent"]

WAIT_SECONDS = 120.0
"""How long a synchronous operation waits for workers, unless it is told."""

SETTLE_SECONDS = 10.0
"""How long workers that were there before, or that go, may take until all is as it is meant."""

HEARSAY_SECONDS = 0.05
"""How old what a defective manager counts by is when it acts on it."""


class Intent:
    """What the models of a fleet are meant to be, on disk too; nothing is taken in while it is ``stopping``.

    :param admission: what this node can bear
    """

    def __init__(self, admission: Admission, fleet: Fleet, state: StateFile, defects: Set[Defect]) -> None:
        self.admission = admission
        self.stopping = False
        self._fleet = fleet
        self._state = state
        self._defects = defects

    def restore(self) -> None:
        """Mean again what was meant by an earlier manager."""
        for meant in self._state.load():
            model = self._fleet.models[meant.settings.name] = Model(meant.settings, registered=True)
            self._fleet.resize(model, meant.desired, meant.max_workers, meant.min_workers)

    async def save(self) -> None:
        """Have on disk what is meant; not while stopping, when nothing is."""
        if not self.stopping:
            await self._state.save(self._meant)

    def check_there(self, model: Model) -> None:
        """See that a model does not leave.

        :raises Refusal: 404 if it does
        """
        if model.leaving or self.stopping:
            raise Refusal(
                404, "ModelNotFoundException", f"Model not found: {model.name} (it is being unregistered)"
            )

    def check_limit(self, more: int, model: Model | None = None, asked: int = 0) -> None:
        """See that the node can bear so many workers more.

        With the defect ``refusal_remembered``, what was asked for is described of the model all the same.

        :raises Refusal: 400 if it cannot
        """
        try:
            self.admission.check(more)
        except Refusal:
            if model is not None and Defect.REFUSAL_REMEMBERED in self._defects:
                model.min_workers = model.max_workers = asked
                self._fleet.models[model.name] = model
            raise

    async def check_started(self, more: int, undo: Callable[[], Awaitable[object]]) -> None:
        """The defect ``limit_checked_late``: what is too much is started first, and undone then.

        :raises Refusal: 400 after that
        """
        try:
            self.admission.check_started(more)
        except Refusal:
            await undo()
            raise

    async def ready(self, model: Model, seconds: float) -> bool:
        """Whether all of a model's workers serve; waits for it so long.

        :raises Refusal: 404 if the model leaves meanwhile
        """
        ready = await self._fleet.ready(model, seconds)
        self.check_there(model)
        return ready

    def _meant(self) -> list[MeantModel]:
        return [
            MeantModel(model.settings, model.min_workers, model.max_workers, model.desired)
            for model in self._fleet.models.values()
            if model.registered
        ]
