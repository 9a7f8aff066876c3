"""Models that a run registers: owed like faults, so that a killed run leaves none behind on somebody's server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from chaos.faults.base import Undo
from chaos.session.deadlines import Problem, deadline, shielded
from chaos.session.plan import package_of
from chaos.session.reopening import at_target
from chaos.session.settings import ModelArgument
from chaos.targets.base import Describe, Register, RegisterBatched, Target, need
from chaos.targets.context import Owe
from chaos.targets.registry import EMBEDDED, parse_url

__all__ = ["Deployment", "deployed"]


@asynccontextmanager
async def deployed(
    target: Target, url: str, allow: tuple[str, ...], owe: Owe, problem: Problem, model: ModelArgument
) -> AsyncIterator[None]:
    """A model registered for as long as the context lasts, its removal written down before.

    A model of that name that is there already is somebody else's: the target refuses, and nothing is owed.

    :raises TargetError: if the target refuses
    """
    register = need(target, Register)
    settle: Callable[[], None] = _nothing
    started_for_run = parse_url(url, allow=allow).adapter == EMBEDDED
    if not started_for_run and not (isinstance(target, Describe) and model.name in await target.models()):
        undo = {"url": url, "model": model.name, "allow": list(allow)}
        settle = owe("chaos.session.deployment:Deployment", [f"model '{model.name}' on {target.url}"], undo)
    try:
        with deadline(f"registering model '{model.name}'"):
            if model.batch > 1:
                batched = need(target, RegisterBatched)
                await batched.register_batched(
                    model.name, package_of(model), model.workers, model.batch, model.delay
                )
            else:
                await register.register(model.name, package_of(model), model.workers)
        yield
    finally:
        # After a refusal too, as an answer may be lost; unregistering what is not there is no error.
        if await shielded(problem, f"unregister {model.name}", register.unregister, model.name):
            settle()


class Deployment:
    """Reverts a registration."""

    @staticmethod
    async def revert(undo: Undo) -> str:
        """Unregister the model; that it or its server is gone is no error.

        :raises RevertError: if the server is there and refuses
        """
        model = str(undo["model"])

        async def unregister(target: Target) -> str:
            if isinstance(target, Describe) and model not in await target.models():
                return f"model '{model}' was gone from {target.url}"
            await need(target, Register).unregister(model)
            return f"unregistered model '{model}' from {target.url}"

        return await at_target(undo, unregister, f"model '{model}'")


def _nothing() -> None:
    return
