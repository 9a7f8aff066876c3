"""The options of ``embedded?…``:

defect       a wrong behaviour, by its name; may come more than once
models       a further directory of handler packages
memory       what a replica may take over its base, in MiB (default: 512)
node_memory  what all replicas together may take, in MiB (default: 16384, or what the machine has if it is less)
cgroup       ``no``: memory is limited by a resource limit, not by the kernel's OOM killer
inference, management, metrics
             ports; free ones are taken if not given
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chaos.errors import TargetError
from chaos.targets.url import TargetURL

__all__ = ["OPTIONS", "PORTS", "PlatformOptions"]

PORTS = ("inference", "management", "metrics")
OPTIONS = ("defect", "models", "memory", "node_memory", "cgroup", *PORTS)


@dataclass(frozen=True, slots=True)
class PlatformOptions:
    """What is asked of a platform that is to be started, but for its defects, which a run may add to.

    ``ports`` and ``memory`` (MiB) by option, 0 where it is the platform's to choose.
    """

    ports: Mapping[str, int]
    memory: Mapping[str, int]
    models: Path | None
    cgroup: bool

    @classmethod
    def of(cls, url: TargetURL) -> PlatformOptions:
        """Those of a target URL.

        :raises TargetError: if a value is none that the option takes
        """
        return cls(
            {name: _port(url, name) for name in PORTS},
            {name: _memory(url, name) for name in ("memory", "node_memory")},
            _directory(url),
            _cgroup(url),
        )

    def words(self) -> list[str]:
        """As the platform's command line has them."""
        words: list[str] = []
        for name, port in self.ports.items():
            words += [f"--{name}", str(port)] if port else []
        if self.models is not None:
            words += ["--models", str(self.models)]
        for name, memory in self.memory.items():
            words += [f"--{name.replace('_', '-')}", str(memory)] if memory else []
        return words if self.cgroup else [*words, "--no-cgroup"]


def _port(url: TargetURL, name: str) -> int:
    value = url.option(name, "0")
    if not (value.isascii() and value.isdecimal() and int(value) < 65536):
        raise TargetError(f"target {url.text}: option '{name}' is a port, not '{value}'")
    return int(value)


def _memory(url: TargetURL, name: str) -> int:
    value = url.option(name, "0")
    if not (value.isascii() and value.isdecimal()):
        raise TargetError(f"target {url.text}: option '{name}' is a number of MiB, not '{value}'")
    return int(value)


def _cgroup(url: TargetURL) -> bool:
    value = url.option("cgroup", "yes")
    if value not in ("yes", "no"):
        raise TargetError(f"target {url.text}: option 'cgroup' is yes or no, not '{value}'")
    return value == "yes"


def _directory(url: TargetURL) -> Path | None:
    value = url.option("models")
    if value and not Path(value).is_dir():
        raise TargetError(f"target {url.text}: option 'models': there is no directory '{value}'")
    return Path(value).resolve() if value else None
