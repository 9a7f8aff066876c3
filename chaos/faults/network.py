"""A TCP port of loopback, or of a network namespace made for chaos, cut off by the kernel's packet filter.

``drop`` lets packets vanish: connects and answers time out. ``reject`` resets: connects are refused and connections
cut. The rules stand in a table of their own, named after the lease, and nobody else's table is touched.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import ClassVar, Literal

import anyio
from pydantic import Field

from chaos.faults.base import Blast, FaultArguments, FaultContext, FaultError, Needs, RevertError, Undo
from chaos.faults.names import safe_name
from chaos.marks import LEASE

__all__ = ["Network", "NetworkArguments"]

FAMILY = "inet"
NAMESPACES = Path("/run/netns")
NAME_LIMIT = 60
CHECK_SECONDS = 0.5
CALL_SECONDS = 5.0


class NetworkArguments(FaultArguments):
    """What the fault takes in an experiment."""

    action: Literal["drop", "reject"] = "drop"
    port: int = Field(ge=1, le=65535, description="the TCP port")
    namespace: str = Field(
        default="",
        pattern=r"^(chaos-[A-Za-z0-9_.-]{1,100})?$",
        description="network namespace; its name begins with chaos-. Loopback of this machine if not given",
    )


class Network:
    """Drops or rejects what goes to and comes from a TCP port."""

    Arguments: ClassVar[type[FaultArguments]] = NetworkArguments
    needs: ClassVar[Needs] = Needs(tools=("nft",), root=True, linux=True)

    def __init__(self, arguments: NetworkArguments) -> None:
        self.arguments = arguments
        self._context: FaultContext | None = None
        self._table = ""

    async def inject(self, context: FaultContext) -> None:
        """Load the rules, all at once."""
        arguments, self._context = self.arguments, context
        self._table = safe_name(f"chaos {context.lease}", NAME_LIMIT)
        space = arguments.namespace
        if space and shutil.which("ip") is None:
            raise FaultError("to reach a network namespace 'ip' is needed on the path (install iproute2)")
        if space and not (NAMESPACES / space).exists():
            raise FaultError(f"there is no network namespace '{space}' (make it with: ip netns add {space})")
        where = f"network namespace {space}" if space else "loopback"
        blast = Blast(
            (f"TCP port {arguments.port} of {where} ({arguments.action})",),
            hosts=() if space else ("127.0.0.1",),
        )
        await context.intend(blast, {"table": self._table, "namespace": space})
        # marked, for it is ended before a revert: it must not load the rules after the harness's death
        code, _, said = await _nft(space, "-f", "-", rules=self._rules(), lease=context.lease)
        if code != 0:
            raise FaultError(f"nft refuses the rules: {said}")

    async def hold(self, seconds: float) -> None:
        """Wait, and see that the rules are still there; at the end note how many packets they met."""
        assert self._context is not None, "hold comes after inject"  # noqa: S101
        with anyio.move_on_after(seconds):
            while True:
                await anyio.sleep(CHECK_SECONDS)
                await self._packets()
        self._context.note(about="network", action=self.arguments.action, packets=await self._packets())

    @staticmethod
    async def revert(undo: Undo) -> str:
        """Delete the table, if it is there."""
        table, space = str(undo["table"]), str(undo["namespace"])
        if space and not (NAMESPACES / space).exists():
            return f"network namespace {space} is gone, and the rules with it"
        code, _, said = await _nft(space, "delete", "table", FAMILY, table)
        if code == 0:
            return f"deleted nft table {table}"
        listed, tables, why = await _nft(space, "-j", "list", "tables")
        if listed == 0 and table not in _names(tables):
            return f"nft table {table} was not there"
        raise RevertError(
            f"nft table {table} could not be deleted: {said or why} "
            f"(by hand: {'ip netns exec ' + space + ' ' if space else ''}nft delete table {FAMILY} {table})"
        )

    def _rules(self) -> str:
        port, local = self.arguments.port, not self.arguments.namespace
        which, verdict = "", "drop"
        if self.arguments.action == "reject":
            which, verdict = "tcp flags & rst != rst ", "reject with tcp reset"  # the resets themselves pass

        def chain(hook: str, interface: str) -> str:
            match = f'{interface} "lo" ' if local else ""
            return (
                f"  chain {hook} {{\n    type filter hook {hook} priority -10;\n"
                f"    {match}{which}tcp dport {port} counter {verdict}\n"
                f"    {match}{which}tcp sport {port} counter {verdict}\n  }}\n"
            )

        chains = chain("input", "iifname") + chain("output", "oifname")
        return f"table {FAMILY} {self._table} {{\n{chains}}}\n"

    async def _packets(self) -> int:
        """How many packets the rules have met.

        :raises FaultError: if the rules are not there
        """
        code, listing, said = await _nft(self.arguments.namespace, "-j", "list", "table", FAMILY, self._table)
        if code != 0:
            raise FaultError(f"the rules were taken away by somebody else: {said}")
        rules = [entry["rule"]["expr"] for entry in json.loads(listing)["nftables"] if "rule" in entry]
        return sum(part["counter"]["packets"] for rule in rules for part in rule if "counter" in part)


def _names(listing: str) -> set[str]:
    entries = json.loads(listing)["nftables"]
    return {entry["table"]["name"] for entry in entries if entry.get("table", {}).get("family") == FAMILY}


async def _nft(space: str, *words: str, rules: str = "", lease: str = "") -> tuple[int, str, str]:
    """Run nft, in a namespace if one is named; its exit code, output and complaint."""
    command = [*(["ip", "netns", "exec", space] if space else []), "nft", *words]
    environment = {**os.environ, "LC_ALL": "C"} | ({LEASE: lease} if lease else {})
    try:
        with anyio.fail_after(CALL_SECONDS):
            done = await anyio.run_process(command, input=rules.encode(), check=False, env=environment)
    except TimeoutError:
        return -1, "", f"nft did not answer within {CALL_SECONDS:g} s"
    except OSError as error:
        return -1, "", f"nft cannot be run: {error.strerror}"
    return done.returncode, done.stdout.decode(), " ".join(done.stderr.decode("utf-8", "replace").split())
