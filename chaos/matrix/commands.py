"""The sub-commands ``chaos matrix`` and ``chaos calibrate``: options, last words, exit codes."""

from __future__ import annotations

import secrets
import sys
from contextlib import nullcontext
from pathlib import Path

import click

from chaos.errors import ChaosError
from chaos.matrix.calibrating import Calibrating, CalibrationPlan, begun
from chaos.matrix.plan import Asked, MatrixPlan, make_plan, parse_settings
from chaos.matrix.run import Matrix
from chaos.matrix.stress import stressed
from chaos.matrix.trials import defects_named, trials_of
from chaos.properties.table import parse_cells
from chaos.reporting.matrix.board import open_board
from chaos.reporting.matrix.trials import open_trials
from chaos.reporting.matrix.write import write_page
from chaos.session.places import new_run_id
from chaos.session.signals import until_signalled
from chaos.sla.results import Verdict

__all__ = ["calibrate", "matrix"]

CELLS = "'table' (the 32), 'all', codes, APIs, or API:CODE, separated by commas."
SET = "A setting of a property, such as B.seconds=600."
CLEAN = "Whole rounds on the correct platform."
CUT_SHORT = 128
"""Added to a signal's number: the exit code by which a shell knows it."""


@click.command()
@click.option("--target", help="What is measured, as a target URL.  [default: embedded]")
@click.option("--cells", help=f"{CELLS}  [default: table]")
@click.option("--out", type=click.Path(path_type=Path), help="Directory; what was begun there goes on.")
@click.option("--seed", type=click.IntRange(min=0), help="The one seed of the run.  [default: drawn]")
@click.option("--defect", "defects", multiple=True, help="A defect to seed in the embedded platform.")
@click.option("--set", "settings", multiple=True, metavar="CODE.NAME=VALUE", help=SET)
@click.option("--allow", multiple=True, metavar="HOST", help="A host beside this machine that may be tested.")
@click.pass_context
def matrix(
    context: click.Context,
    target: str | None,
    cells: str | None,
    out: Path | None,
    seed: int | None,
    defects: tuple[str, ...],
    settings: tuple[str, ...],
    allow: tuple[str, ...],
) -> None:
    """Measure the ten properties A to J on the ten APIs of a target.

    Each of the 32 cells gets a verdict with its evidence. Exit code 0 if all cells that apply pass. A run that was
    interrupted goes on with the same --out.
    """
    try:
        given = parse_settings(settings) if settings else None
        plan = make_plan(Asked(out, target, cells, seed, defects or None, given, allow))
        code = _measured(plan)
    except ChaosError as error:
        click.echo(f"error: {error}", err=True)
        code = 1
    context.exit(code)


def _measured(plan: MatrixPlan) -> int:
    """Run a matrix and say how it ended; the exit code."""
    view = open_board(sys.stderr)
    running = Matrix(plan, view)
    try:
        signalled = until_signalled(running.run)
    finally:
        view.close()
    summary = running.summary
    page = write_page(plan.directory, summary)
    click.echo(f"verdict: {summary.verdict.value}. {summary.reason}")
    click.echo(str(page))
    if signalled:
        click.echo(f"cut short; go on with: chaos matrix --out {plan.directory}")
        return CUT_SHORT + signalled
    return 0 if summary.verdict is Verdict.PASS else 1


@click.command()
@click.option("--cells", default="table", show_default=True, help=CELLS)
@click.option(
    "--defects", help="'all', 'none', or names separated by commas.  [default: all; none with --load]"
)
@click.option("--trials", type=click.IntRange(min=1), default=10, show_default=True, help="Of each defect.")
@click.option("--clean-runs", type=click.IntRange(min=0), default=7, show_default=True, help=CLEAN)
@click.option("--out", type=click.Path(path_type=Path), help="Directory; what was begun there goes on.")
@click.option("--seed", type=click.IntRange(min=0), help="The one seed of all trials.  [default: drawn]")
@click.option("--set", "settings", multiple=True, metavar="CODE.NAME=VALUE", help=SET)
@click.option("--load", "loaded", is_flag=True, help="Keep all cores busy with stress-ng meanwhile.")
@click.pass_context
def calibrate(
    context: click.Context,
    cells: str,
    defects: str | None,
    trials: int,
    clean_runs: int,
    out: Path | None,
    seed: int | None,
    settings: tuple[str, ...],
    loaded: bool,
) -> None:
    """Measure how often the cells are wrong: false alarms on the correct platform, and defects that are missed.

    Exit code 0 if each defect is found in 95 % of its trials, with at most 1 % false alarms and 5 % unknown.
    """
    try:
        given, named = parse_settings(settings), parse_cells(cells)
        wanted = defects_named(defects or ("none" if loaded else "all"), named)
        directory = out or Path("reports") / new_run_id("calibrate")
        before = begun(directory)
        if seed is None:
            seed = before["seed"] if before is not None else secrets.randbelow(2**31)
        plan = CalibrationPlan(
            directory, seed, trials_of(named, wanted, trials, clean_runs, seed), given, loaded
        )
        if before is not None:
            plan.check(before)
        code = _calibrated(plan)
    except ChaosError as error:
        click.echo(f"error: {error}", err=True)
        code = 1
    context.exit(code)


def _calibrated(plan: CalibrationPlan) -> int:
    """Run a calibration and say what it found; the exit code."""
    with stressed() if plan.loaded else nullcontext():
        view = open_trials(sys.stderr)
        running = Calibrating(plan, view)
        try:
            signalled = until_signalled(running.run)
        finally:
            view.close()
    for verdict, what in (("fail", "false alarms"), ("unknown", "cannot be told")):
        rate = running.found.rate(verdict)
        if rate.interval is not None:
            low, high = rate.interval
            click.echo(f"{what}: {rate.count} of {rate.n} runs (95 % interval {low:.2%} to {high:.2%})")
    missed = running.found.missed()
    for text in missed:
        click.echo(f"missed: {text}")
    click.echo(str(plan.directory / "calibrate.md"))
    if signalled:
        click.echo(f"cut short; the same command with --out {plan.directory} goes on")
        return CUT_SHORT + signalled
    return 1 if missed else 0
