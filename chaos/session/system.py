"""What a run is about, opened as a whole: the fault proxy, the target, and the models that the run serves on it.

All of it is let go of in reverse order by the caller's exit stack, each within a deadline; what does not work then is
told, not raised.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from chaos.errors import TargetError
from chaos.faults.base import Undo
from chaos.proxy.client import ProxyClient, ProxyError
from chaos.proxy.process import FaultProxy
from chaos.session.deadlines import Problem, deadline, shielded
from chaos.session.deployment import deployed
from chaos.session.own import at_hand
from chaos.session.plan import Plan, sub_seed
from chaos.sla.documents import INFERENCES, ProbeDocument
from chaos.targets.base import ControlRequests, Infer, Register, Scale, Target, need
from chaos.targets.context import Owe, Record
from chaos.targets.options import redacted
from chaos.targets.registry import open_by_url
from chaos.traffic.spec import HttpRequest

__all__ = ["CLIENT", "LinkProxy", "System", "open_system"]

CLIENT = "client"
"""The link between clients and the target, and the name of its proxy."""

CHANGES = frozenset({"register", "unregister", "scale"})
"""Calls that change nothing only where the control plane counts workers and refuses a name that is taken: one that
loads and unloads what a repository holds would load it again."""


@dataclass(frozen=True, slots=True)
class System:
    """The target, open, with the run's models on it. ``link_api`` is that of its fault proxy, empty without one."""

    target: Target
    link_api: str = ""
    client: str = ""
    """``host:port`` of the proxied link to the target; empty if it is not proxied."""

    def request(self, probe: ProbeDocument, via_link: bool = False) -> HttpRequest:
        """A probe's request, sent through the link ``client`` if asked; no I/O.

        :raises CapabilityError: if the target lacks what the probe calls
        """
        if probe.api in INFERENCES:
            request = need(self.target, Infer).infer_request(probe.model, probe.payload)
        else:
            if probe.api in CHANGES:
                need(self.target, Scale)
            request = need(self.target, ControlRequests).control_request(
                probe.api, probe.model, probe.workers or 0, probe.package
            )
        request = replace(request, expect=probe.expect_status)
        if not via_link:
            return request
        parts = urlsplit(request.url)
        return replace(request, url=urlunsplit(parts._replace(netloc=self.client)))


async def open_system(
    stack: AsyncExitStack, plan: Plan, directory: Path | None, record: Record, owe: Owe, problem: Problem
) -> System:
    """Open everything.

    :param directory: where the target's logs go
    :param owe: writes down what must be undone
    :raises ChaosError: if the target cannot be opened, lacks a capability, or refuses a model
    """
    arguments = plan.arguments
    link_api = await _open_proxy(stack, plan)
    target = open_by_url(
        arguments.target,
        defects=arguments.defect,
        directory=directory,
        allow=plan.allow,
        record=record,
        owe=owe,
        link_api=link_api,
        links=tuple(link for link in arguments.links if link != CLIENT),
    )
    own = plan.own
    package = await stack.enter_async_context(at_hand(own, target)) if own is not None else ""
    stack.push_async_callback(shielded, problem, "closing the target", target.close)
    with deadline(f"opening target {redacted(arguments.target)}"):
        await target.open()
    if arguments.models:
        need(target, Register)
    need(target, Infer)
    for model in arguments.models:
        if own is not None and model.name in own.models:
            model = model.model_copy(update={"package": package, "hostile": None})
        await stack.enter_async_context(deployed(target, arguments.target, plan.allow, owe, problem, model))
    client = ""
    if CLIENT in arguments.links:
        client = await stack.enter_async_context(_link(plan, target, link_api, owe, problem))
    return System(target, link_api, client)


async def _open_proxy(stack: AsyncExitStack, plan: Plan) -> str:
    """The API of the fault proxy that links go through: ours, started now, or a Toxiproxy that the user runs."""
    if not plan.arguments.links:
        return ""
    if not plan.arguments.toxiproxy:
        proxy = await stack.enter_async_context(FaultProxy(sub_seed(plan.seed, "proxy")))
        return proxy.api
    async with ProxyClient(plan.arguments.toxiproxy) as client:
        await client.version()
    return plan.arguments.toxiproxy


@asynccontextmanager
async def _link(plan: Plan, target: Target, link_api: str, owe: Owe, problem: Problem) -> AsyncIterator[str]:
    """The proxy in front of the target's inference address; where it listens. A user's Toxiproxy is left clean."""
    address = urlsplit(need(target, Infer).infer_request(plan.probes[0].model, {}).url)
    if address.scheme != "http":
        raise TargetError(
            f"target {target.url}: the link '{CLIENT}' cannot be proxied, as it is {address.scheme} "
            "(only http: a certificate would not fit the proxy's address)"
        )
    undo = {"api": link_api, "proxy": CLIENT}
    settle = owe("chaos.session.system:LinkProxy", [f"proxy '{CLIENT}' at {link_api}"], undo)
    async with ProxyClient(link_api) as client:
        state = await client.create(CLIENT, "127.0.0.1:0", f"{address.hostname}:{address.port or 80}")
    try:
        yield state.listen
    finally:
        if await shielded(problem, "deleting the proxied link", LinkProxy.revert, undo):
            settle()


class LinkProxy:
    """Reverts the creation of a proxy."""

    @staticmethod
    async def revert(undo: Undo) -> str:
        """Delete it; that it, or the whole fault proxy, is gone is no error."""
        try:
            async with ProxyClient(str(undo["api"])) as client:
                await client.delete(str(undo["proxy"]))
        except ProxyError as error:
            return f"proxy '{undo['proxy']}' was gone ({error})"
        return f"deleted proxy '{undo['proxy']}'"
