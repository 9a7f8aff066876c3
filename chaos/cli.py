"""Sub-commands of ``chaos``: ``lint`` and ``report``; and one line, not a traceback, for a broken document.

Chaos Toolkit loads this module with its command line, before it reads an experiment.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from types import TracebackType

import click
from chaoslib.exceptions import ChaosException

from chaos.analysis import analyse
from chaos.errors import ChaosError
from chaos.history import read_history
from chaos.lint import lint_file
from chaos.reporting.write import write_reports

__all__ = ["lint", "report"]


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES…")
@click.pass_context
def lint(context: click.Context, files: tuple[str, ...]) -> None:
    """Check experiments and probe files for what `chaos validate` lets through."""
    errors = 0
    for name in files:
        for finding in lint_file(name):
            click.echo(f"{finding.severity}: {finding}")
            errors += finding.severity == "error"
    if errors:
        click.echo(f"{errors} {'error' if errors == 1 else 'errors'} in {len(files)} files")
        context.exit(1)
    click.echo(f"{len(files)} files: no errors")


@click.command()
@click.argument("directory", metavar="RUN_DIR", type=click.Path(path_type=Path))
@click.pass_context
def report(context: click.Context, directory: Path) -> None:
    """Judge the history in RUN_DIR again, and write its reports anew."""
    try:
        events = read_history(directory)
        summary = analyse(events)
        paths = write_reports(directory, events, summary)
    except ChaosError as error:
        click.echo(f"error: {error}", err=True)
        context.exit(1)
    click.echo(f"verdict: {summary.verdict.value}. {summary.reason}")
    for path in paths:
        click.echo(str(path))


def _one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show what a user can mend as one line; anything else stays a traceback."""
    frames = [frame for frame, _line in traceback.walk_tb(trace)]
    path = next(
        (frame.f_locals["path"] for frame in frames if frame.f_code.co_name == "parse_experiment_from_file"),
        "",
    )
    experiment: object = next(
        (frame.f_locals["experiment"] for frame in frames if "experiment" in frame.f_locals), {}
    )
    if isinstance(error, json.JSONDecodeError):
        _say(f"{path or 'document'}:{error.lineno}:{error.colno}: not JSON: {error.msg} (mend it there)")
    elif path and isinstance(error, UnicodeDecodeError | OSError):
        _say(f"{path}: {error} (an experiment is a text file in UTF-8)")
    elif isinstance(error, ChaosException | ChaosError):
        _say(f"{path + ': ' if path else ''}{error}")
    elif not isinstance(experiment, dict):
        _say(
            f"an experiment is a JSON object, not {type(experiment).__name__} (see experiments/isolation.json)"
        )
    elif any(frame.f_code.co_name == "ensure_experiment_is_valid" for frame in frames):
        _say(f"not a valid experiment: {error} (`chaos lint FILE` says where)")
    else:
        sys.__excepthook__(kind, error, trace)


def _say(text: str) -> None:
    click.echo(f"error: {text}", err=True)


sys.excepthook = _one_line
