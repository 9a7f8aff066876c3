"""A Triton that is sent its models with the request to load them, so that they may have any name and any number of
instances; its repository need not know them.

``packages=DIR`` of an ``oip+http://…`` target has one directory a package: a model as Triton's repository has it, but
with its configuration as ``config.json``. Triton takes all of it in a load (docs/protocol/extension_model_repository.md
of its server, ``parameters`` of the load API); a load of a model that is there, with another number of instances and
nothing else changed, adds or takes away instances while it serves (docs/user_guide/model_management.md).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from chaos.errors import CapabilityError, TargetError
from chaos.targets import oip
from chaos.targets import oip_wire as wire
from chaos.targets.context import TargetContext, UnansweredError, recorded
from chaos.targets.records import ModelState, Part
from chaos.targets.url import TargetURL
from chaos.traffic.spec import HttpRequest

__all__ = ["LocalTriton", "Packages", "Triton"]

CONFIG = "config.json"
STUB = "triton_python_backend_stub"
"""The process of one instance in the Python backend; its arguments have the instance's name."""
INSTANCE = re.compile(r"([^/]+)_\d+_\d+")
"""Model, instance group and number in it."""


class Packages:
    """The packages of a directory, as the parameters of a load.

    :raises TargetError: if there is no such directory
    """

    def __init__(self, directory: Path) -> None:
        if not directory.is_dir():
            raise TargetError(
                f"option 'packages': {directory} is no directory (name one that has a directory for each package: its "
                f"{CONFIG}, and 1/ with its files)"
            )
        self._directory = directory
        self._read: dict[str, tuple[dict[str, Any], dict[str, str]]] = {}

    def __contains__(self, package: str) -> bool:
        return Path(package).name == package and (self._directory / package / CONFIG).is_file()

    def load(self, package: str, workers: int, more: Mapping[str, Any]) -> dict[str, Any]:
        """The body of a load of a package with so many instances, and ``more`` in its configuration.

        :raises TargetError: if it is not there, or its configuration is none
        """
        if package not in self._read:
            self._read[package] = self._config(package), self._files(package)
        config, files = self._read[package]
        groups = [{**(config.get("instance_group") or [{"kind": "KIND_CPU"}])[0], "count": workers}]
        return {"parameters": {"config": json.dumps({**config, "instance_group": groups, **more}), **files}}

    def _config(self, package: str) -> dict[str, Any]:
        path = self._directory / package / CONFIG
        if package not in self:
            raise TargetError(f"package '{package}': there is no {path} (is it in the directory 'packages'?)")
        try:
            config = json.loads(path.read_bytes())
        except ValueError as error:
            raise TargetError(
                f"{path}: {error} (GET /v2/models/NAME/config of a Triton that serves it has it as JSON)"
            ) from error
        if not isinstance(config, dict):
            raise TargetError(f"{path}: is no JSON object (it has the fields of a config.pbtxt)")
        config.pop("name", None)
        return config

    def _files(self, package: str) -> dict[str, str]:
        root = self._directory / package
        return {
            f"file:{path.relative_to(root).as_posix()}": base64.b64encode(path.read_bytes()).decode()
            for path in sorted(root.rglob("*"))
            if path.is_file() and path.name != CONFIG and "__pycache__" not in path.parts
        }


@dataclass(frozen=True, slots=True)
class _Sent:
    """What a model was loaded with, to load it again with another number of instances."""

    package: str
    more: Mapping[str, Any] = field(default_factory=dict)


class Triton(oip.OIP):
    """A Triton that takes packages of ours, and scales them."""

    def __init__(self, url: TargetURL, context: TargetContext) -> None:
        super().__init__(url, context)
        try:
            self._packages = Packages(Path(url.option("packages")))
        except TargetError as error:
            raise TargetError(f"target {self.url}: {error}") from None
        self._sent: dict[str, _Sent] = {}

    async def open(self) -> None:
        """As any of the protocol, and check that it is a Triton: no other takes packages in the request."""
        await super().open()
        if not self._triton:
            raise TargetError(
                f"target {self.url}: option 'packages' is for Triton, and this server says it is none (leave it out)"
            )

    async def register(self, model: str, package: str, workers: int) -> None:
        """Load a package, and wait until it is ready."""
        await super().register(model, package, workers)
        self._sent[model] = _Sent(package)

    async def register_batched(self, model: str, package: str, workers: int, size: int, delay: float) -> None:
        """As :meth:`register`, with dynamic batching in its configuration."""
        sent = _Sent(package, wire.dynamic_batching(size, delay))
        with recorded(self._record, "register", model):
            await self._load(model, package, self._packages.load(package, workers, sent.more))
        self._sent[model] = sent
        self._batched.add(model)

    async def unregister(self, model: str) -> None:
        """Unload it and wait until it is gone; that it is not there is no error."""
        await super().unregister(model)
        if not self._names.foreign(model):
            self._sent.pop(model, None)

    async def scale(self, model: str, workers: int) -> None:
        """Load it again with so many instances, and see that no others are left."""
        with recorded(self._record, "scale", model):
            what = f"target {self.url}: scaling model '{model}' to {workers} instances"
            answer = await self._client.call(
                "POST", wire.repository_path(model, "load"), body=self._scaled(model, workers)
            )
            answer.expect(what, "" if model in self._sent else "was it registered by this run?")
            state: ModelState | None = None
            with anyio.move_on_after(oip.READY_SECONDS):
                while not (state and state.workers == workers and len(state.pids) in (0, workers)):
                    state = await self.describe(model)
                    await anyio.sleep(oip.POLL_SECONDS)
                return
            seen = f"{state.workers} instances and {len(state.pids)} processes" if state else "nothing"
            raise UnansweredError(f"{what}: after {oip.READY_SECONDS:g} s there are {seen}")

    def control_request(
        self, operation: str, model: str = "", workers: int = 0, package: str = ""
    ) -> HttpRequest:
        """As the protocol has it, and ``scale``: to at least one instance, as Triton has no model without."""
        if operation != "scale":
            if operation in ("load", "register") and package in self._packages:
                self._sent.setdefault(model, _Sent(package))
            return super().control_request(operation, model, workers, package)
        body = json.dumps(self._scaled(model, workers)).encode()
        path = wire.repository_path(model, "load")
        return HttpRequest(f"{self._base}{path}", "POST", self._headers(), body, self._verify)

    async def models(self) -> list[str]:
        """Those of the repository that are loaded, and those that only the statistics tell: a model that came with
        the request is in no index."""
        answer = await self._client.call("GET", "/v2/models/stats")
        content = answer.expect(f"target {self.url}: listing models").json()
        try:
            told = {str(entry["name"]) for entry in content["model_stats"]}  # type: ignore[index]
        except (KeyError, TypeError):
            raise UnansweredError(
                f"target {self.url}: {answer.url} is no statistics: '{answer.words}'"
            ) from None
        return sorted(told.union(await super().models()))

    def _remedy(self, package: str) -> str:
        return (
            f"does package '{package}' load (see the server's log), and does the server let models be loaded: "
            "Triton with --model-control-mode=explicit?"
        )

    def _loading(self, package: str, workers: int) -> dict[str, Any]:
        """All of a package; of one that is not there nothing, so that it is the server that says so."""
        return self._packages.load(package, workers, {}) if package in self._packages else {}

    def _scaled(self, model: str, workers: int) -> dict[str, Any]:
        """The body of the load that scales a model."""
        if workers == 0:
            raise CapabilityError(
                f"target {self.url}: Triton has no model of no instances (scale to 1 or more)"
            )
        sent = self._sent.get(model)
        if sent is not None:
            return self._packages.load(sent.package, workers, sent.more)
        return {"parameters": {"config": json.dumps({"instance_group": [{"count": workers}]})}}


class LocalTriton(Triton, oip.LocalOIP):
    """A Triton on this machine. The processes of its instances can be told in the Python backend; others have none."""

    async def describe(self, model: str) -> ModelState:
        """As Triton has it, and the processes of its instances."""
        state = await super().describe(model)
        instances = await anyio.to_thread.run_sync(self._instance_processes)
        return replace(state, pids=tuple(sorted(pid for pid, name in instances.items() if name == model)))

    async def parts(self) -> list[Part]:
        """The server as manager, and the processes of its instances; without a model if it is not ready."""
        listed = await self.models()
        instances = await anyio.to_thread.run_sync(self._instance_processes)
        workers = {pid: name if name in listed else "" for pid, name in instances.items()}
        return await anyio.to_thread.run_sync(self._processes.parts, workers)

    async def _draining(self, model: str) -> bool:
        """Triton answers an unload before it is done; of what is in no index, the processes tell when it is."""
        instances = await anyio.to_thread.run_sync(self._instance_processes)
        return model in instances.values() or await super()._draining(model)

    def _instance_processes(self) -> dict[int, str]:
        """The model of each process of an instance."""
        found: dict[int, str] = {}
        for pid, (command, *arguments) in self._processes.commands().items():
            names = [match[1] for each in arguments if (match := INSTANCE.fullmatch(each))]
            if names and Path(command).name == STUB:
                found[pid] = names[-1]
        return found
