"""A real Triton Inference Server on loopback, on the CPU, from the wheel that carries its binary.

Its repository has the models of the isolation experiment, each a handler package behind the Python backend; none is
loaded at the start. Beside it is a directory of all handler packages, to be sent with a load: the target URL has it as
the option ``packages``; without that, it is the repository that decides what a name stands for.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real.rigs import BRIDGES, MODELS, PACKAGES, environment, free_ports, running, site_packages

__all__ = ["triton_rig"]

# the backend's stub was built before numpy 2, and answers with empty tensors under it
REQUIREMENTS = ("nvidia-pytriton==0.7.0", "numpy==1.26.4")
INSTANCES = 2
CONFIG = """name: "{name}"
backend: "python"
max_batch_size: 0
input [ {{ name: "payload" data_type: TYPE_STRING dims: [ 1 ] }} ]
output [ {{ name: "result" data_type: TYPE_STRING dims: [ 1 ] }} ]
instance_group [ {{ count: {instances} kind: KIND_CPU }} ]
"""
BYTES = {"data_type": "TYPE_STRING", "dims": [1]}
SENT = {
    "backend": "python",
    "max_batch_size": 0,
    "input": [{"name": "payload", **BYTES}],
    "output": [{"name": "result", **BYTES}],
    "instance_group": [{"kind": "KIND_CPU"}],
}
"""The configuration of a package that is sent with a load."""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where the Python backend puts its regions


@contextmanager
def triton_rig(cache: Path) -> Iterator[str]:
    """Start it under explicit model control; yields its target URL.

    :raises RigError: if it cannot be installed or started
    """
    region = f"chaos_rig_{secrets.token_hex(4)}_"
    with (
        environment(cache, "triton", REQUIREMENTS, "--no-deps") as venv,
        tempfile.TemporaryDirectory(prefix="chaos-triton-") as name,
    ):
        directory = Path(name)
        site = site_packages(venv)
        server = site / "pytriton" / "tritonserver"
        _backend(server, directory / "backends" / "python")
        for model, package in MODELS.items():
            config = CONFIG.format(name=model, instances=INSTANCES)
            _model(directory / "models" / model, package, "config.pbtxt", config)
        for source in PACKAGES.glob("*/code/inference.py"):
            package = source.parent.parent.name
            _model(directory / "packages" / package, package, "config.json", json.dumps(SENT))
        http, grpc, metrics = free_ports(3)
        # the stub finds its Python by `python3` on the PATH, and its library beside the base interpreter
        libraries = [str(sysconfig.get_config_var("LIBDIR")), str(site / "nvidia_pytriton.libs")]
        environ = {
            "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "LD_LIBRARY_PATH": os.pathsep.join(libraries),
        }
        command = [
            str(server / "bin" / "tritonserver"),
            f"--model-repository={directory / 'models'}",
            "--model-control-mode=explicit",
            f"--backend-directory={directory / 'backends'}",
            f"--backend-config=python,shm-region-prefix-name={region}",
            *("--http-address=127.0.0.1", f"--http-port={http}"),
            *("--grpc-address=127.0.0.1", f"--grpc-port={grpc}"),
            *("--metrics-address=127.0.0.1", f"--metrics-port={metrics}"),
            # otherwise it is not ready while any model comes or goes; and after an instance that died, never again
            "--strict-readiness=false",
            "--allow-gpu-metrics=false",
            "--exit-timeout-secs=5",
        ]
        address = f"http://127.0.0.1:{http}"
        log = cache / "triton" / "server.log"
        ready = f"{address}/v2/health/ready"
        try:
            with running(command, env=environ, cwd=directory, log=log, ready=ready, port=http):
                yield f"oip+{address}?packages={directory / 'packages'}"
        finally:
            for left in SHARED_MEMORY.glob(f"{region}*"):
                left.unlink(missing_ok=True)


def _backend(server: Path, directory: Path) -> None:
    """The Python backend with the stub of our Python's version beside it, where it looks for it."""
    shutil.copytree(server / "backends" / "python", directory)
    version = sysconfig.get_python_version()
    shutil.copy2(server / "python_backend_stubs" / version / "triton_python_backend_stub", directory)


def _model(directory: Path, package: str, file: str, config: str) -> None:
    version = directory / "1"
    version.mkdir(parents=True)
    (directory / file).write_text(config)
    shutil.copy(BRIDGES / "triton_bridge.py", version / "model.py")
    shutil.copy(BRIDGES / "package_bridge.py", version)
    shutil.copytree(PACKAGES / package, version / "package", ignore=shutil.ignore_patterns("__pycache__"))
