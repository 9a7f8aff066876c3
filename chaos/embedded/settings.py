"""What the command line says, as the supervisor tells it to each manager that it starts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["HOST", "MEMORY", "NODE_MEMORY", "PORTS", "PlatformSettings"]

HOST = "127.0.0.1"
PORTS = ("inference", "management", "metrics")
MEMORY = 512
"""What a replica may take over its base, in MiB, unless it is told."""

NODE_MEMORY = 16384
"""What the limits of all replicas may come to, in MiB, unless it is told; less where the machine has less."""


@dataclass(frozen=True, slots=True)
class PlatformSettings:
    """All that a manager needs to know.

    ``descriptors`` are the supervisor's listening sockets by name, ``state`` is a directory of the platform's own,
    ``memory`` a replica's limit in bytes over its base, kept by the kernel where there is a ``cgroup`` tree,
    ``node_memory`` what the limits of all replicas may come to.
    ``executions`` is the file in which replicas note what they are given; ``link_proxy`` the address of the fault
    proxy's API through which ``links`` are led.
    """

    descriptors: dict[str, int]
    state: str
    memory: int = MEMORY << 20
    node_memory: int = NODE_MEMORY << 20
    cgroup: str = ""
    defects: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    executions: str = ""
    link_proxy: str = ""
    links: tuple[str, ...] = ()

    def to_json(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> PlatformSettings:
        """Read back what :meth:`to_json` gave."""
        document: dict[str, Any] = json.loads(text)
        lists = {name: tuple(value) for name, value in document.items() if isinstance(value, list)}
        return cls(**{**document, **lists})
