"""Models that a killed run left on somebody's server: known by the tag in their names, and unregistered."""

from __future__ import annotations

import re
from collections.abc import Callable

from chaos.faults.base import Undo
from chaos.session.reopening import at_target
from chaos.targets.base import Describe, Register, Target
from chaos.targets.context import Owe
from chaos.targets.options import redacted
from chaos.targets.registry import EMBEDDED, parse_url

__all__ = ["Models", "owe_models"]


def owe_models(owe: Owe, url: str, allow: tuple[str, ...], tag: str) -> Callable[[], None]:
    """Write down that models of this tag are to be unregistered, where they outlive the run: on a server that is not
    ours. What it returns says that they are."""
    if parse_url(url, allow=allow).adapter == EMBEDDED:
        return lambda: None
    undo = {"url": url, "tag": tag, "allow": list(allow)}
    return owe(f"{__name__}:{Models.__name__}", [f"models of the run on {redacted(url)}"], undo)


class Models:
    """Reverts the registrations of a run whose models have a tag in their names."""

    @staticmethod
    async def revert(undo: Undo) -> str:
        """Unregister every model with the tag in its name; that the server is gone is no error.

        :raises RevertError: if the server is there and refuses, or does not say what it serves
        """
        tag = str(undo["tag"])

        async def unregister(target: Target) -> str:
            if not (isinstance(target, Register) and isinstance(target, Describe)):
                return f"nothing was registered on {target.url}: it cannot be"
            served = await target.models()
            ours = [name for name in served if re.search(rf"-{re.escape(tag)}[0-9a-f]{{6}}$", name)]
            for name in ours:
                await target.unregister(name)
            return f"unregistered {len(ours)} models from {target.url}"

        return await at_target(undo, unregister, f"a model of the run ('…-{tag}…')")
