"""A real MLServer on loopback with two worker processes, which all its models share.

Its repository has the models of the isolation experiment, each a handler package behind a runtime of ours;
none is loaded at the start.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real.rigs import BRIDGES, MODELS, PACKAGES, environment, free_ports, running

__all__ = ["mlserver_rig"]

# with a later uvloop its workers find no event loop, and die for ever
REQUIREMENTS = ("mlserver==1.7.1", "uvloop==0.21.0")
WORKERS = 2


@contextmanager
def mlserver_rig(cache: Path) -> Iterator[str]:
    """Start it; yields its target URL.

    :raises RigError: if it cannot be installed or started
    """
    with (
        environment(cache, "mlserver", REQUIREMENTS) as venv,
        tempfile.TemporaryDirectory(prefix="chaos-mlserver-") as name,
    ):
        directory = Path(name)
        http, grpc, metrics = free_ports(3)
        settings = {
            "debug": False,
            "host": "127.0.0.1",
            "http_port": http,
            "grpc_port": grpc,
            "metrics_port": metrics,
            "parallel_workers": WORKERS,
            "load_models_at_startup": False,
        }
        (directory / "settings.json").write_text(json.dumps(settings))
        for bridge in ("mlserver_bridge.py", "package_bridge.py"):
            shutil.copy(BRIDGES / bridge, directory)
        for model, package in MODELS.items():
            target = directory / model
            shutil.copytree(
                PACKAGES / package, target / "package", ignore=shutil.ignore_patterns("__pycache__")
            )
            document = {
                "name": model,
                "implementation": "mlserver_bridge.PackageRuntime",
                "parameters": {"version": "1", "uri": str(target / "package")},
            }
            (target / "model-settings.json").write_text(json.dumps(document))
        address = f"http://127.0.0.1:{http}"
        with running(
            [str(venv / "bin" / "mlserver"), "start", str(directory)],
            env={"PYTHONPATH": str(directory)},
            cwd=directory,
            log=cache / "mlserver" / "server.log",
            ready=f"{address}/v2/health/ready",
            port=http,
        ):
            yield f"oip+{address}"
