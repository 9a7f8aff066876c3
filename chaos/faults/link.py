"""A TCP link that misbehaves: toxics of the run's fault proxy, on the links that the experiment runs through it.

The link ``client`` lies between clients and the target, ``replica`` between the embedded platform's AppProxy and the
replicas of a model, ``manager`` between its manager and its AppProxy. ``down`` closes it and refuses; ``timeout`` with
``{"timeout": 0}`` is a half-open link: what is sent vanishes, and nobody is told.
"""

from __future__ import annotations

import random
from typing import Any, ClassVar, Literal

import anyio
from pydantic import Field, model_validator

from chaos.faults.base import Blast, FaultArguments, FaultContext, FaultError, Needs, RevertError, Undo
from chaos.proxy.client import ProxyClient, ProxyError, ProxyGoneError, ToxicSpec

__all__ = ["Link", "LinkArguments"]

CHECK_SECONDS = 0.5
DOWN = "down"

ToxicName = Literal[
    "down", "latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data",
    "http_status", "http_delay", "http_cut",
]  # fmt: skip


class LinkArguments(FaultArguments):
    """What the fault takes in an experiment."""

    link: Literal["client", "replica", "manager"] = "client"
    model: str = Field(default="", description="whose replicas (link: replica)")
    toxic: ToxicName = "down"
    attributes: dict[str, int | float | str] = Field(
        default={}, description="of the toxic, as Toxiproxy has them"
    )
    stream: Literal["downstream", "upstream", "both"] = "downstream"
    toxicity: float = Field(default=1.0, ge=0, le=1, description="share of connections (http_…: of requests)")
    connections: Literal["all", "new", "live"] = "all"
    choose: Literal["one", "share", "all"] = Field(default="all", description="of the links of that name")
    share: float = Field(default=0.5, gt=0, le=1, description="with choose: share")

    @model_validator(mode="after")
    def _fits(self) -> LinkArguments:
        if (self.link == "replica") != bool(self.model):
            raise ValueError("'model' goes with the link 'replica', and only with it")
        if self.toxic == DOWN and (self.attributes or self.toxicity < 1 or self.connections != "all"):
            raise ValueError("'down' closes a link as a whole: it has no attributes, toxicity or connections")
        return self


class Link:
    """Adds a toxic to links, or takes them down, and restores them."""

    Arguments: ClassVar[type[FaultArguments]] = LinkArguments
    needs: ClassVar[Needs] = Needs(link=True)

    def __init__(self, arguments: LinkArguments) -> None:
        self.arguments = arguments
        self._api = ""
        self._chosen: list[str] = []
        self._toxics: list[ToxicSpec] = []

    async def inject(self, context: FaultContext) -> None:
        """Choose the links, and make each misbehave."""
        arguments, self._api = self.arguments, context.link_api
        async with ProxyClient(self._api) as client:
            there = self._of_that_name(sorted(await client.proxies()))
            chosen = self._chosen = self._choose(there, random.Random(context.seed))
            streams = ["downstream", "upstream"] if arguments.stream == "both" else [arguments.stream]
            self._toxics = [
                ToxicSpec(
                    # Draws follow from the name: without the run's id they are the same in each run of a seed.
                    name=f"{context.lease.rpartition('.')[2]}-{stream}",
                    type=arguments.toxic,
                    stream=stream,
                    toxicity=arguments.toxicity,
                    attributes=dict(arguments.attributes),
                    connections=arguments.connections,
                )
                for stream in (streams if arguments.toxic != DOWN else [])
            ]
            blast = Blast(
                tuple(f"link '{name}' ({arguments.toxic})" for name in chosen),
                replicas=len(chosen) if arguments.link == "replica" else 0,
                of=len(there) if arguments.link == "replica" else 0,
            )
            undo = {"api": self._api, "proxies": chosen, "toxics": [toxic.name for toxic in self._toxics]}
            await context.intend(blast, undo)
            for name in chosen:
                if arguments.toxic == DOWN:
                    await client.set_enabled(name, False)
                for toxic in self._toxics:
                    await client.add_toxic(name, toxic)

    async def hold(self, seconds: float) -> None:
        """Wait, and see that it is still there at the end."""
        with anyio.move_on_after(seconds):
            while True:
                await anyio.sleep(CHECK_SECONDS)
                await self._check()
        await self._check()

    @staticmethod
    async def revert(undo: Undo) -> str:
        """Take the toxics away, or let the links stand again; a fault proxy that is gone took its links along."""
        try:
            async with ProxyClient(str(undo["api"])) as client:
                there = await client.proxies()
                for name in [name for name in undo["proxies"] if name in there]:
                    for toxic in undo["toxics"]:
                        await client.remove_toxic(name, toxic)
                    if not undo["toxics"]:
                        await client.set_enabled(name, True)
        except ProxyGoneError as error:
            return f"the fault proxy was gone ({error})"
        except ProxyError as error:
            raise RevertError(
                f"the links {', '.join(undo['proxies'])} could not be restored: {error} "
                f"(POST to /reset of the fault proxy at {undo['api']}, or end it)"
            ) from error
        return f"restored {', '.join(undo['proxies'])}"

    def _of_that_name(self, names: list[str]) -> list[str]:
        arguments = self.arguments
        prefix = f"replica-{arguments.model}-"
        found = [
            name for name in names
            if (name == arguments.link if arguments.link != "replica" else _is_replica(name, prefix))
        ]  # fmt: skip
        if not found:
            what = f"'{arguments.link}'" + (f" of model '{arguments.model}'" if arguments.model else "")
            raise FaultError(
                f"no link {what} runs through the fault proxy (name it in 'links' of the control; there are: "
                f"{', '.join(names) or 'none'})"
            )
        return found

    def _choose(self, names: list[str], generator: random.Random) -> list[str]:
        match self.arguments.choose:
            case "one":
                count = 1
            case "share":
                count = max(1, round(self.arguments.share * len(names)))
            case _:
                count = len(names)
        return sorted(generator.sample(names, count))

    async def _check(self) -> None:
        """Whether what was chosen still misbehaves; a link whose replica has gone meanwhile is no more."""
        async with ProxyClient(self._api) as client:
            there = await client.proxies()
        wanted: set[Any] = {toxic.name for toxic in self._toxics}
        for name in self._chosen:
            state = there.get(name)
            if state is None:
                continue
            if self.arguments.toxic == DOWN and state.enabled:
                raise FaultError(f"link '{name}' was put up again by somebody else")
            if not wanted <= {toxic.name for toxic in state.toxics}:
                raise FaultError(f"the toxic on link '{name}' was taken away by somebody else")


def _is_replica(name: str, prefix: str) -> bool:
    return name.startswith(prefix) and name.removeprefix(prefix).isdecimal()
