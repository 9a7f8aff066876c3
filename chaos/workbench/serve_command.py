"""``chaos handler serve``: a package in a server of the shape of a SageMaker container."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from chaos.errors import ChaosError
from chaos.handlers.archive import opened
from chaos.handlers.limits import Limits
from chaos.workbench import serving
from chaos.workbench.options import limits_options

__all__ = ["serve"]


@click.command("serve")
@click.argument("package", type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one."
)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Handler processes."
)
@click.option(
    "--queue", type=click.IntRange(0, 100_000), default=100, show_default=True, help="Requests that may wait."
)
@click.option(
    "--max-payload", type=click.IntRange(1, 4096), default=25, show_default=True, metavar="MIB",
    help="Largest request body; 25 is SageMaker's.",
)  # fmt: skip
@limits_options
def serve(
    package: Path,
    host: str,
    port: int,
    workers: int,
    queue: int,
    max_payload: int,
    memory: int,
    cpu: float,
    timeout: float,
    load_timeout: float,
    processes: int,
) -> None:
    """Serve PACKAGE (a directory, a model.tar.gz or a .mar) as a SageMaker container does.

    GET /ping is 200 when the model is loaded, POST /invocations has the handler answer. Each handler runs in a
    process of its own, under limits; one that ends is replaced. SIGTERM ends the server when the requests in flight
    are answered.
    """
    limits = Limits(memory=memory, cpu=cpu, call=timeout, load=load_timeout, processes=processes)
    try:
        with opened(package) as directory:
            served = serving.Served(directory, limits, host, port, workers, queue, max_payload << 20)

            def ready(address: str) -> None:
                click.echo(f"serving {package} at {address} (GET /ping, POST /invocations)")

            asyncio.run(serving.serve(served, ready, lambda words: click.echo(words, err=True)))
    except ChaosError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
