"""Sub-commands of ``chaos``: ``lint``, ``report``, ``recover``, ``proxy``; one line, no traceback, for a bad document.

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
from chaos.faults.ledger import LedgerError, ledger_directory
from chaos.faults.recover import Found, find
from chaos.faults.recover import recover as revert_ledger
from chaos.history import read_history
from chaos.lint import lint_file
from chaos.matrix.directory import is_matrix, read_matrix
from chaos.proxy.__main__ import main as serve_proxy
from chaos.reporting.matrix.write import write_documents, write_page
from chaos.reporting.verify.summary import summarise
from chaos.reporting.verify.write import write_reports as write_verification
from chaos.reporting.write import write_reports

__all__ = ["lint", "proxy", "recover", "report"]


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
    """Judge a run, a matrix, a verification or a handler's test in RUN_DIR again, and write its reports anew."""
    from chaos.reporting.handler.write import write_again

    try:
        again = write_again(directory)
        events = read_history(directory) if again is None else []
        if again is not None:
            said, paths = again
        elif is_matrix(directory):
            matrix = read_matrix(directory)
            said = f"{matrix.verdict.value}. {matrix.reason}"
            paths = [*write_documents(directory, matrix), write_page(directory, matrix)]
        elif events and events[0]["kind"] == "verify":
            verification = summarise(events)
            said = f"{verification.verdict.value}. {verification.reason}"
            paths = write_verification(directory, verification)
        else:
            summary = analyse(events)
            said = f"{summary.verdict.value}. {summary.reason}"
            paths = write_reports(directory, events, summary)
    except ChaosError as error:
        click.echo(f"error: {error}", err=True)
        context.exit(1)
    click.echo(f"verdict: {said}")
    for path in paths:
        click.echo(str(path))


@click.command()
@click.option("--list", "only_list", is_flag=True, help="Say what is in force, and revert nothing.")
@click.option(
    "--ledger", type=click.Path(path_type=Path), help="Directory of ledgers.  [default: the user's]"
)
@click.pass_context
def recover(context: click.Context, only_list: bool, ledger: Path | None) -> None:
    """Revert the faults that a run which ended badly has left in force, after a reboot too."""
    directory = ledger or ledger_directory()
    found = list(find(directory))
    left = 0
    for entry in found:
        if isinstance(entry, LedgerError):
            click.echo(f"error: {entry}", err=True)
            left += 1
        elif only_list or entry.alive:
            _list(entry)
        else:
            left += _recover(entry)
    if not found:
        click.echo(f"{directory}: no ledger, so nothing is in force")
    context.exit(1 if left else 0)


def _list(found: Found) -> None:
    state = found.state
    about = f"its process {state.pid} lives: end it first, or wait" if found.alive else "ended"
    click.echo(f"run {state.run} on {state.target} ({about}): {len(state.owed)} in force")
    for lease in state.owed:
        click.echo(f"  {lease.fault}: {'; '.join(lease.touches)} ({lease.status})")


def _recover(found: Found) -> int:
    """Revert one ledger and say how each went; how many are left."""
    leases = revert_ledger(found.state.path)
    if leases is None:
        click.echo(f"run {found.state.run}: somebody else is at it; left alone")
        return 0
    click.echo(f"run {found.state.run} on {found.state.target}: {len(leases)} were in force")
    for lease in leases:
        mark = "NOT reverted" if lease.owed else "reverted"
        click.echo(f"  {lease.fault}: {mark}: {lease.said}")
    return sum(lease.owed for lease in leases)


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def proxy(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Serve the fault proxy alone, with Toxiproxy's API: chaos proxy --api 127.0.0.1:8474."""
    context.exit(serve_proxy(list(arguments)))


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
