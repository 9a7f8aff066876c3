"""A real TorchServe on loopback, without torch: its workers import it in one place, where a stub will do.

Every handler package becomes an archive of the model store, ``NAME.mar``. Needs Java 17.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real.rigs import BRIDGES, PACKAGES, environment, free_ports, java, running, site_packages

__all__ = ["torchserve_rig"]

REQUIREMENTS = ("torchserve==0.12.0", "PyYAML==6.0.3", "psutil==7.2.2", "packaging==25.0")
STUB = '''"""Stands in for torch where TorchServe's workers ask whether an answer is a tensor."""

__version__ = "0.0-stub"


class Tensor:
    pass
'''
LOG4J = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="warn">
  <Appenders><Console name="console"><PatternLayout pattern="%d %p %c %m%n"/></Console></Appenders>
  <Loggers><Root level="warn"><AppenderRef ref="console"/></Root></Loggers>
</Configuration>
"""
LIMIT = 128 * 1024 * 1024
"""Largest request and answer, in bytes; TorchServe's default would refuse the answers of the mode ``huge``."""


@contextmanager
def torchserve_rig(cache: Path) -> Iterator[str]:
    """Start it with all handler packages in its model store; yields its target URL.

    :raises RigError: if Java is missing, or it cannot be installed or started
    """
    jvm = java()
    with (
        environment(cache, "torchserve", REQUIREMENTS, "--no-deps") as venv,
        tempfile.TemporaryDirectory(prefix="chaos-torchserve-") as name,
    ):
        directory = Path(name)
        (site_packages(venv) / "torch.py").write_text(STUB)
        (directory / "tmp").mkdir()
        (directory / "log4j2.xml").write_text(LOG4J)
        inference, management, metrics, grpc, grpc_management = free_ports(5)
        (directory / "config.properties").write_text(
            f"inference_address=http://127.0.0.1:{inference}\n"
            f"management_address=http://127.0.0.1:{management}\n"
            f"metrics_address=http://127.0.0.1:{metrics}\n"
            f"grpc_inference_address=127.0.0.1\ngrpc_inference_port={grpc}\n"
            f"grpc_management_address=127.0.0.1\ngrpc_management_port={grpc_management}\n"
            "number_of_gpu=0\nnumber_of_netty_threads=4\nnetty_client_threads=2\n"
            "default_workers_per_model=1\ndisable_system_metrics=true\nmetrics_mode=prometheus\n"
            f"max_request_size={LIMIT}\nmax_response_size={LIMIT}\n"
        )
        store = directory / "store"
        store.mkdir()
        for package in sorted(path.parent.parent for path in PACKAGES.glob("*/code/inference.py")):
            _archive(package, store / f"{package.name}.mar")
        site = site_packages(venv)
        command = [
            jvm,
            "-Xmx512m",
            f"-Dmodel_server_home={site}",
            f"-Djava.io.tmpdir={directory / 'tmp'}",
            f"-Dlog4j.configurationFile={(directory / 'log4j2.xml').as_uri()}",
            "-cp",
            f"{site / 'ts' / 'frontend'}/*",
            "org.pytorch.serve.ModelServer",
            *("--python", str(venv / "bin" / "python")),
            *("-f", str(directory / "config.properties"), "-s", str(store), "-ncs"),
            *("--disable-token-auth", "--enable-model-api"),
        ]
        address = f"http://127.0.0.1:{inference}"
        log = cache / "torchserve" / "server.log"
        with running(command, env={}, cwd=directory, log=log, ready=f"{address}/ping", port=inference):
            yield f"torchserve+{address}?management={management}&metrics={metrics}"


def _archive(package: Path, archive: Path) -> None:
    """An archive with the bridge as its handler and the package's files at its root."""
    manifest = {
        "runtime": "python",
        "model": {"modelName": package.name, "handler": "torchserve_bridge.py", "modelVersion": "1.0"},
        "archiverVersion": "0.12.0",
    }
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
        for bridge in ("torchserve_bridge.py", "package_bridge.py"):
            file.write(BRIDGES / bridge, bridge)
        for path in sorted(package.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                file.write(path, path.relative_to(package).as_posix())
