"""multi-model-server, by which SageMaker's own containers serve, with its management API: it counts workers, makes
batches, and scales.

``sagemaker+http://HOST:PORT?management=PORT``: inferences go by SageMaker's container API, the rest by the management
API that TorchServe has from it. The embedded platform has both as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import anyio.to_thread
import psutil

from chaos.targets import sagemaker_wire as wire
from chaos.targets.context import TargetContext, UnansweredError
from chaos.targets.processes import LocalProcesses
from chaos.targets.records import ModelState, Part
from chaos.targets.sagemaker import inference, package_url
from chaos.targets.torchserve import TorchServe
from chaos.targets.torchserve_wire import model_path
from chaos.targets.url import TargetURL
from chaos.traffic.spec import HttpRequest

__all__ = ["LocalMultiModelServer", "MultiModelServer"]

_WORKER = re.compile(r"(^|/)model_service_worker\.py$")
"""In the command of a worker, and of the process that it was forked from."""
_NAME = "--model-name"
"""What precedes the model's name in that command."""


class MultiModelServer(TorchServe):
    """A multi-model-server: infers, registers, scales and describes."""

    server: ClassVar[str] = "multi-model-server"
    remedies: ClassVar[Mapping[int, str]] = {
        404: "is there such a package in the server's model store? models=DIR names the directory that has them",
        409: "the name is taken: unregister that model first, or choose another name",
        507: "the server has no room for it: unregister another model first",
    }

    def __init__(self, url: TargetURL, context: TargetContext) -> None:
        super().__init__(url, context)
        self._target_url = url

    def infer_request(self, model: str, payload: object) -> HttpRequest:
        """An invocation of one of its models."""
        return inference(f"{self._base}{wire.invoke_path(model)}", payload, self._verify)

    def _archive(self, package: str) -> str:
        return package_url(self._target_url, package)

    async def describe(self, model: str) -> ModelState:
        """What the management API says of it; it tells no pids, so those that are seen here are its workers'."""
        answer = await self._management.call("GET", model_path(model))
        what = f"target {self.url}: describing model '{model}'"
        self._expect(answer, what, "is it registered?" if answer.status == 404 else "")
        state = wire.state_told(answer, model)
        if "workers" not in state.detail:
            raise UnansweredError(
                f"{what}: {answer.url} tells no workers (name multi-model-server's management address: management=PORT)"
            )
        if not state.pids:
            seen = await self._seen()
            state = replace(state, pids=tuple(sorted(pid for pid in seen if seen[pid] == model)))
        if self._processes is not None:
            await anyio.to_thread.run_sync(self._processes.saw, state.pids)
        return state

    async def _seen(self) -> dict[int, str]:
        """The workers' models by their pids, where they run here."""
        return (
            await anyio.to_thread.run_sync(_workers, self._processes) if self._processes is not None else {}
        )


class LocalMultiModelServer(MultiModelServer):
    """A multi-model-server on this machine, whose processes can be read."""

    def package_in(self, directory: Path) -> str:
        """Its path; a container that has files of its own, as in Docker, refuses what it does not find there."""
        return str(directory)

    def pids(self) -> list[int]:
        """Who owns the inference and the management port, and workers that live on without it."""
        return self._processes.pids() if self._processes is not None else []

    async def parts(self) -> list[Part]:
        """The server as manager, and its worker processes as far as they run here."""
        processes = self._processes
        if processes is None:
            return []
        workers = await self._seen()
        for model in await self.models():
            workers |= dict.fromkeys((await self.describe(model)).pids, model)
        return await anyio.to_thread.run_sync(processes.parts, workers)


def _workers(processes: LocalProcesses) -> dict[int, str]:
    """Each model has one process that its workers are forked from, with the same command: that one serves nothing."""
    found = {
        pid: command[command.index(_NAME) + 1]
        for pid, command in processes.commands().items()
        if any(map(_WORKER.search, command)) and _NAME in command[:-1]
    }
    workers = {}
    for pid, model in found.items():
        with suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).ppid() in found:
                workers[pid] = model
    return workers
