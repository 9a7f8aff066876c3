"""What a fault may touch at most: this machine unless the user names a host, and never all of a model's replicas."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from chaos.faults.base import Blast, FaultError
from chaos.targets.url import is_loopback

__all__ = ["Safety", "SafetyLimits", "named_on_command_line"]


class SafetyLimits(BaseModel):
    """The caps of an experiment (``safety`` in the control's arguments)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    leases: int = Field(default=8, ge=1, le=64, description="faults that may be in force at once")
    all_replicas: bool = Field(default=False, description="whether a fault may take all replicas of a model")


class Safety:
    """The limits of one run. ``allow`` are the hosts beside loopback that may feel a fault."""

    def __init__(self, limits: SafetyLimits, allow: Sequence[str]) -> None:
        self._limits = limits
        self._allow = frozenset(allow)

    def check_count(self, name: str, held: int) -> None:
        """Whether one more may be held beside so many.

        :raises FaultError: if not
        """
        if held >= self._limits.leases:
            raise FaultError(
                f"fault '{name}': {held} faults are in force already, and {self._limits.leases} may be at once "
                "('leases' in the control's 'safety' says how many)"
            )

    def check_blast(self, blast: Blast) -> None:
        """Whether a fault may touch this.

        :raises FaultError: if not; says what would allow it
        """
        for host in blast.hosts:
            if not is_loopback(host) and host not in self._allow:
                raise FaultError(
                    f"it would be felt by {host}, which is not this machine (name it twice to allow it: in 'hosts' of "
                    f"the control's arguments, and on the command line with --var allow={host})"
                )
        if 0 < blast.of <= blast.replicas and not self._limits.all_replicas:
            raise FaultError(
                f"it would take all {blast.of} replicas of a model out of service (serve more of them, choose fewer, "
                "or set 'all_replicas' in the control's 'safety')"
            )


def named_on_command_line(argv: Sequence[str]) -> frozenset[str]:
    """The hosts that ``--var allow=…`` names on a command line."""
    named: list[str] = []
    words = iter(argv)
    for word in words:
        value = next(words, "") if word == "--var" else word.removeprefix("--var=") if "=" in word else ""
        name, _, hosts = value.partition("=")
        if name.partition(":")[0] == "allow":
            named += hosts.split(",")
    return frozenset(host.strip() for host in named if host.strip())
