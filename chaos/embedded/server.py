"""The manager process: brings the platform up, says that it is ready, and takes it down again in order.

It is started by the supervisor, whose sockets it inherits: ``python -m chaos.embedded.server SUPERVISOR SETTINGS``.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import sys
import threading
from pathlib import Path

from aiohttp import web

from chaos.embedded.api.control import InferencePortControl
from chaos.embedded.api.oip import OipControl
from chaos.embedded.api.sagemaker import SageMakerControl
from chaos.embedded.api.torchserve import ManagementApi
from chaos.embedded.defects import Defect, parse_defects
from chaos.embedded.error_history import ErrorHistory
from chaos.embedded.fleet import Fleet
from chaos.embedded.forks import Forks
from chaos.embedded.hub import ProxyHub
from chaos.embedded.lateness import standing_still
from chaos.embedded.limits import Admission, NodeLimits
from chaos.embedded.links import LinkProxies
from chaos.embedded.manager import Manager
from chaos.embedded.settings import PlatformSettings
from chaos.embedded.state import StateFile
from chaos.embedded.store import Store
from chaos.errors import ChaosError
from chaos.lifeline import die_with_parent

__all__ = ["main"]

STARTUP_SECONDS = 20.0
STOP_SECONDS = 3.0
WORKER_LIMIT = 64
"""How many workers this node may have in all."""

KEEPING = {"ports": Defect.PORT_KEPT, "cgroups": Defect.PARTITION_KEPT}
"""What a defective fork server keeps of replicas that are gone."""

LOG = 2
"""Standard error: what the platform and its handlers say."""


async def serve(settings: PlatformSettings) -> None:
    """Run until end of file on stdin. Prints one line on stdout when it is ready.

    :raises ChaosError: if it cannot start; the message is one sentence with the remedy
    """
    stopping = _stop_signal()
    token = secrets.token_hex(16)
    state = Path(settings.state)
    defects = parse_defects(settings.defects)
    history = ErrorHistory(state / "errors.jsonl")
    try:
        async with asyncio.TaskGroup() as tasks:
            fleet = Fleet(tasks, history, defects)
            forks = Forks(
                token,
                settings.memory,
                settings.cgroup,
                LOG,
                executions=settings.executions,
                crossed=Defect.CROSSED_ANSWERS in defects,
                keeps=[what for what, defect in KEEPING.items() if defect in defects],
            )
            inherited = (settings.descriptors["inference"], settings.descriptors["metrics"])
            proxy_settings = {
                "token": token,
                "defects": sorted(defects),
                "inference": inherited[0],
                "metrics": inherited[1],
            }
            hub = ProxyHub(
                fleet.snapshot,
                fleet.stuck,
                proxy_settings,
                inherited,
                LOG,
                LinkProxies(settings.link_proxy, settings.links),
            )
            fleet.attach(forks, hub)
            limits = NodeLimits(WORKER_LIMIT, settings.node_memory, settings.memory)
            admission = Admission(limits, fleet.models, defects)
            manager = Manager(admission, tasks, fleet, StateFile(state / "models.json"), defects)
            manager.restore()
            store = Store(Path(path) for path in settings.models)
            hub.control = InferencePortControl(
                OipControl(manager, store), SageMakerControl(manager, store, hub.ask_queues)
            )
            if Defect.CONTROL_PLANE_PAUSES in defects:
                tasks.create_task(standing_still())
            tasks.create_task(hub.run())
            tasks.create_task(forks.run())
            runner = web.AppRunner(
                ManagementApi(manager, store, hub, history).application(),
                access_log=None,
                shutdown_timeout=STOP_SECONDS,
            )
            await runner.setup()
            management = socket.socket(fileno=settings.descriptors["management"])
            try:
                await web.SockSite(runner, management).start()
                await _started(hub, forks)
                _say({"ready": True, "proxy": hub.pid, "forkserver": forks.pid})
                await stopping.wait()
                await manager.stop(STOP_SECONDS)
                await hub.stop()
            finally:
                await runner.cleanup()
            raise _Stopped
    except* _Stopped:
        pass


class _Stopped(Exception):  # noqa: N818
    """Ends the task group, and with it every process."""


async def _started(hub: ProxyHub, forks: Forks) -> None:
    try:
        async with asyncio.timeout(STARTUP_SECONDS):
            await forks.up.wait()
        if await hub.settled(hub.publish(), STARTUP_SECONDS):
            return
    except TimeoutError:
        pass
    raise ChaosError(
        f"the platform's own processes did not start within {STARTUP_SECONDS:.0f} s (see its log, with --log FILE)"
    )


def _say(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _stop_signal() -> asyncio.Event:
    """Set at end of file on stdin: the supervisor wants it to end."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def watch() -> None:
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stopping.set)

    threading.Thread(target=watch, name="stdin", daemon=True).start()
    return stopping


def main() -> None:
    """Run the manager; what keeps it from starting is said in one line on stdout."""
    die_with_parent(int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(
        signal.SIGTERM, signal.SIG_DFL
    )  # the supervisor's is its own: a manager that is told ends, and is replaced
    try:
        asyncio.run(serve(PlatformSettings.from_json(sys.argv[2])))
    except BaseExceptionGroup as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        if not isinstance(first, ChaosError):
            raise
        _say({"error": str(first)})
        sys.exit(1)


if __name__ == "__main__":
    main()
