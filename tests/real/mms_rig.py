"""A real multi-model-server on loopback, which serves handler packages through the real SageMaker Inference Toolkit, as
SageMaker's own containers do. Needs Java 17.

Its model store is this machine's root, as SageMaker has it for several models, so a package is served from its
directory; where all handler packages are, the target URL says.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chaos.targets.processes import port_is_free
from tests.real.rigs import BRIDGES, PACKAGES, environment, java, running, site_packages

__all__ = ["mms_rig", "mms_server"]

REQUIREMENTS = (
    "multi-model-server==1.1.11",
    "sagemaker-inference==1.10.1",
    # what its workers import, and no more: not boto3, by which the toolkit starts the server where we do
    "numpy==2.4.6",
    "scipy==1.17.1",
    "six==1.17.0",
    "psutil==7.2.2",
    "scikit-learn==1.9.1",
    "cloudpickle==3.1.2",
    "joblib==1.6.0",
    "narwhals==2.28.0",
    "threadpoolctl==3.8.0",
)
SERVICE = "sagemaker_service"
"""The module in the bridges that hands on to the toolkit."""
LIMIT = 128 * 1024 * 1024
"""Largest request and answer, in bytes."""


@contextmanager
def mms_server(cache: Path) -> Iterator[tuple[int, int]]:
    """Start it; yields its inference and its management port.

    :raises RigError: if Java is missing, or it cannot be installed or started
    """
    with (
        environment(cache, "mms", REQUIREMENTS, "--no-deps") as venv,
        tempfile.TemporaryDirectory(prefix="chaos-mms-") as name,
    ):
        directory = Path(name)
        (directory / "tmp").mkdir()
        shutil.copy(BRIDGES / f"{SERVICE}.py", directory)
        inference, management = _ports()
        (directory / "config.properties").write_text(
            f"inference_address=http://127.0.0.1:{inference}\n"
            f"management_address=http://127.0.0.1:{management}\n"
            f"default_service_handler={SERVICE}\n"
            "default_workers_per_model=1\nnumber_of_gpu=0\nnumber_of_netty_threads=4\nnetty_client_threads=2\n"
            f"decode_input_request=false\nmax_request_size={LIMIT}\nmax_response_size={LIMIT}\n"
        )
        site = site_packages(venv)
        command = [
            java(),
            "-Xmx512m",
            f"-Dmodel_server_home={site}",
            f"-Djava.io.tmpdir={directory / 'tmp'}",
            "-cp",
            f"{site / 'mms' / 'frontend'}/*",
            "com.amazonaws.ml.mms.ModelServer",
            *("--python", str(venv / "bin" / "python")),
            *("-f", str(directory / "config.properties"), "-s", "/"),
        ]
        ready = f"http://127.0.0.1:{inference}/ping"
        log = cache / "mms" / "server.log"
        with running(
            command, env={"PYTHONPATH": str(directory)}, cwd=directory, log=log, ready=ready, port=inference
        ):
            yield inference, management


def _ports() -> tuple[int, int]:
    """Two free ports that it takes: it calls any above 32767 invalid, and those are what the kernel gives."""
    free = (port for port in random.sample(range(20_000, 32_000), 1000) if port_is_free(port))
    return next(free), next(free)


@contextmanager
def mms_rig(cache: Path) -> Iterator[str]:
    """Start it beside all handler packages; yields its target URL.

    :raises RigError: if Java is missing, or it cannot be installed or started
    """
    with tempfile.TemporaryDirectory(prefix="chaos-mms-store-") as name:
        for source in PACKAGES.glob("*/code/inference.py"):
            package = source.parent.parent
            shutil.copytree(package, Path(name) / package.name, ignore=shutil.ignore_patterns("__pycache__"))
        with mms_server(cache) as (inference, management):
            yield f"sagemaker+http://127.0.0.1:{inference}?management={management}&models={name}"
