"""``chaos handler``: options, exit codes, one line for a mistake.

Chaos Toolkit loads this module with its command line, so what a command needs is imported when it runs.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chaos.errors import ChaosError
from chaos.workbench.options import a_pair, again, limits_options

if TYPE_CHECKING:
    from chaos.handlers.limits import Limits

__all__ = ["handler"]

CONTENT = "Type that the handler reads; several may be named.  [default: JSON and CSV]"
FUZZ = "Requests to make from the samples, or from a schema."
PATHS = click.Path(path_type=Path)


class _Handler(click.Group):
    """Finds ``serve`` when it is asked for, with all that a server needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), "serve"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "serve":
            from chaos.workbench.serve_command import serve

            return serve
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Handler)
def handler() -> None:
    """Test inference handlers before they are deployed: packages as SageMaker's toolkit serves them."""


@handler.command(short_help="Test a package.")
@click.argument("package", type=PATHS)
@click.option("--payloads", type=PATHS, help="Directory of samples.")
@click.option(
    "--fuzz", type=click.IntRange(0, 1_000_000), default=0, metavar="N", show_default=True, help=FUZZ
)
@click.option("--schema", type=PATHS, help="A JSON Schema of what the handler takes.")
@limits_options
@click.option("--content-type", "content_types", multiple=True, help=CONTENT)
@click.option("--accept", "accepts", multiple=True, help="Type that it writes; as --content-type.")
@click.option(
    "--leak-calls", type=click.IntRange(0, 1_000_000), metavar="N", help="Calls over which memory is watched."
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    metavar="N",
    help="The one seed of the run.  [default: drawn]",
)
@click.option(
    "--parallel",
    type=click.IntRange(1, 64),
    metavar="N",
    default=2,
    show_default=True,
    help="Processes at once.",
)
@click.option("--out", type=PATHS, help="Directory of the run.")
@click.pass_context
def test(context: click.Context, /, seed: int | None, **given: Any) -> None:
    """Test PACKAGE: a model.tar.gz, a .mar, or a directory with code/inference.py.

    Each function alone, all of them over every sample, determinism, state, threads, processes, memory, secrets. Exit
    code 0 only if all that applies holds.
    """
    from chaos.workbench.testing import tested

    drawn = secrets.randbelow(2**31) if seed is None else seed
    _run(context, lambda: tested(given, drawn, _limits(given), again(context, drawn)))


@handler.command(short_help="Test a script before a package.")
@click.argument("script")
@click.argument("package", type=PATHS)
@click.option(
    "--input", "inputs", type=a_pair, multiple=True, metavar="NAME=PATH", help="What the script reads."
)
@click.option("--output", "outputs", type=a_pair, multiple=True, metavar="NAME=PATH", help="What it writes.")
@click.option(
    "--env", "environment", type=a_pair, multiple=True, metavar="NAME=VALUE", help="Its environment."
)
@click.option("--argument", "arguments", type=a_pair, multiple=True, metavar="NAME=VALUE", help="Its job's.")
@click.option("--command", help="Run this in place of its main(); {input:NAME} and {output:NAME} are paths.")
@click.option("--content-type", "content_types", multiple=True, help=CONTENT)
@limits_options
@click.option("--out", type=PATHS, help="Directory of the run.")
@click.pass_context
def compat(context: click.Context, /, **given: Any) -> None:
    """Run SCRIPT, and see whether PACKAGE can read what it writes.

    SCRIPT is a Python file with main(input_paths, output_paths, environ_vars, job_args). Exit code 0 only if each
    file that it writes can be read as one content type at least.
    """
    from chaos.workbench.testing import compared

    _run(context, lambda: compared(given, _limits(given), again(context)))


@handler.command(short_help="Test a pipeline of scripts and packages.")
@click.argument("graph", type=PATHS)
@limits_options
@click.option("--out", type=PATHS, help="Directory of the run.")
@click.pass_context
def pipeline(context: click.Context, /, **given: Any) -> None:
    """Run the pipeline that the document GRAPH states: scripts and handlers, and the data between them.

    Exit code 0 only if each node and each edge holds.
    """
    from chaos.workbench.testing import piped

    _run(context, lambda: piped(given, _limits(given), again(context)))


@handler.command(short_help="Make a model.tar.gz of a package.")
@click.argument("directory", type=PATHS)
@click.option("--out", type=PATHS, default="model.tar.gz", show_default=True, help="The archive.")
@click.pass_context
def pack(context: click.Context, directory: Path, out: Path) -> None:
    """Pack DIRECTORY, a model package, as model.tar.gz; the same bytes from the same files."""
    from chaos.workbench.packed import packed

    _run(context, lambda: packed(directory, out))


def _run(context: click.Context, function: Callable[[], int]) -> None:
    """Exit as a function says, or with one line for a user's mistake."""
    try:
        code = function()
    except ChaosError as error:
        click.echo(f"error: {error}", err=True)
        code = 1
    context.exit(code)


def _limits(given: dict[str, Any]) -> Limits:
    from chaos.handlers.limits import Limits

    return Limits(
        memory=given["memory"],
        cpu=given["cpu"],
        call=given["timeout"],
        load=given["load_timeout"],
        processes=given["processes"],
    )
