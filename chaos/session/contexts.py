"""What a fault is given, made from what a run has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.faults.base import Blast, Fault, FaultContext, Undo
from chaos.faults.helper import Helper, start_helper
from chaos.faults.registry import check_needs
from chaos.session.leases import Emit, Lease, Leases
from chaos.session.plan import sub_seed
from chaos.targets.base import Target
from chaos.traffic.running import RunningTraffic
from chaos.traffic.spec import WorkerSpec

__all__ = ["Contexts"]


@dataclass(frozen=True, slots=True)
class Contexts:
    """Makes contexts for faults on one target. ``traffic`` starts a worker; ``link_api`` is that of the fault proxy;
    ``payloads`` are for models that serve a package of the user's own."""

    target: Target
    link_api: str
    seed: int
    emit: Emit
    leases: Leases
    traffic: Callable[[WorkerSpec], Awaitable[RunningTraffic]]
    payloads: Mapping[str, Any] = field(default_factory=dict)

    def make(self, fault: Fault, name: str, lease: Lease) -> FaultContext:
        """That of one injection; checks that what the fault needs is there.

        :raises ChaosError: if not
        """
        check_needs(name, fault, self.target, self.link_api)

        async def traffic(spec: WorkerSpec) -> RunningTraffic:
            return lease.started.traffic(await self.traffic(spec))

        async def helper(command: Sequence[str]) -> Helper:
            return lease.started.helper(await start_helper(command, lease.name))

        def note(about: str, at: float | None = None, **values: Any) -> None:
            self.emit("evidence", at, lease=name, about=about, **values)

        async def intend(blast: Blast, undo: Undo) -> None:
            await self.leases.intend(lease, blast, undo)

        return FaultContext(
            lease=lease.name,
            target=self.target,
            seed=sub_seed(self.seed, name),
            seconds=lease.seconds,
            intend=intend,
            traffic=traffic,
            helper=helper,
            note=note,
            link_api=self.link_api,
            payloads=self.payloads,
        )
