"""The sub-command ``chaos verify``: options, last words, exit codes."""

from __future__ import annotations

import math
import secrets
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click

from chaos.documents import nearest
from chaos.embedded.defects import parse_defects
from chaos.errors import ChaosError
from chaos.history import read_history
from chaos.operations.checks.judging import CHECKS
from chaos.operations.confirming import RUNS
from chaos.operations.drawing import Drawn
from chaos.operations.offered import OFFERED
from chaos.operations.running import Bounds
from chaos.reporting.verify.summary import summarise
from chaos.reporting.verify.view import open_search
from chaos.reporting.verify.write import write_reports
from chaos.session.house import Place
from chaos.session.places import new_run_id, usable
from chaos.session.signals import until_signalled
from chaos.sla.results import Verdict
from chaos.targets.options import redacted
from chaos.targets.registry import open_by_url, parse_url
from chaos.verify.asked import Verification
from chaos.verify.attempting import UnwellError
from chaos.verify.databases import DATABASE, open_database
from chaos.verify.replaying import read_program
from chaos.verify.verifying import Verifying

__all__ = ["verify"]

PROFILES: Mapping[str, tuple[int, int]] = {"quick": (100, 20), "nightly": (2000, 20), "soak": (20_000, 40)}
"""How many examples, and of how many steps at most."""
NONE = "none"
SHRINK = "Runs that making a failure smaller may take."
REST = "Seconds that the target may take to come to rest after a step."
CUT_SHORT = 128
"""Added to a signal's number: the exit code by which a shell knows it."""


@click.command()
@click.option("--target", default="embedded", show_default=True, help="What is verified, as a target URL.")
@click.option("--profile", type=click.Choice([*PROFILES]), default="quick", show_default=True)
@click.option("--examples", type=click.IntRange(min=1), help="How many programs.  [default: the profile's]")
@click.option("--steps", type=click.IntRange(1, 200), help="Of a program, at most.  [default: the profile's]")
@click.option("--seed", type=click.IntRange(min=0), help="The one seed of the run.  [default: drawn]")
@click.option("--only", multiple=True, metavar="PROPERTY", help="Judge by this one; several may be named.")
@click.option(
    "--faults", default=NONE, show_default=True, help="'all', 'none', or names separated by commas."
)
@click.option("--defect", "defects", multiple=True, help="A defect to seed in the embedded platform.")
@click.option(
    "--database", default=DATABASE, show_default=True, help="What failed: a directory, redis://…, or 'none'."
)
@click.option("--replay", type=click.Path(path_type=Path), help="A counterexample to run in place of others.")
@click.option("--rest", type=click.FloatRange(0.5, 600.0), default=8.0, show_default=True, help=REST)
@click.option("--shrink", type=click.IntRange(min=0), default=RUNS, show_default=True, help=SHRINK)
@click.option("--out", type=click.Path(path_type=Path), help="Directory of the run.")
@click.option("--allow", multiple=True, metavar="HOST", help="A host beside this machine that may be tested.")
@click.pass_context
def verify(
    context: click.Context,
    target: str,
    profile: str,
    examples: int | None,
    steps: int | None,
    seed: int | None,
    only: tuple[str, ...],
    faults: str,
    defects: tuple[str, ...],
    database: str,
    replay: Path | None,
    rest: float,
    shrink: int,
    out: Path | None,
    allow: tuple[str, ...],
) -> None:
    """Run generated programs of operations, and of faults, until one fails; make it as small as it gets, and keep it.

    Exit code 0 if all programs pass. What failed is tried first the next time.
    """
    try:
        if math.isnan(rest):  # neither too small nor too large for the option's range
            raise ChaosError(f"--rest {rest}: seconds are a number")
        parse_defects(defects)
        parse_url(target, defects, allow)
        open_by_url(target, defects, allow=allow)
        injected = _known("--faults", _named(faults, OFFERED), OFFERED)
        checks = _known("--only", only, [check.name for check in CHECKS])
        program = read_program(replay) if replay is not None else None
        drawn = Drawn(
            1 if program is not None else examples or PROFILES[profile][0],
            steps or PROFILES[profile][1],
            secrets.randbelow(2**31) if seed is None else seed,
        )
        run_id = new_run_id("verify")
        directory = out or Path("reports") / run_id
        usable(directory)
        asked = Verification(
            run_id,
            Place(target, defects, directory, allow),
            drawn,
            checks=tuple(check for check in CHECKS if not checks or check.name in checks),
            faults=tuple(injected),
            database=None if program is not None else open_database(database),
            bounds=Bounds(rest=rest),
            shrink=shrink,
            profile=profile,
            replay=_again(target, drawn, checks, injected, defects, replay, allow),
            program=program,
        )
        code = _verified(asked)
    except ChaosError as error:
        click.echo(f"error: {error}", err=True)
        code = 1
    context.exit(code)


def _verified(asked: Verification) -> int:
    """Run a verification and say what it found, also if the target is gone by then; the exit code."""
    view = open_search(sys.stderr)
    running = Verifying(asked, view)
    signalled = 0
    try:
        signalled = until_signalled(running.run)
    except UnwellError as error:
        click.echo(f"error: {error}", err=True)
    finally:
        view.close()
    directory = asked.place.directory
    summary = summarise(read_history(directory))
    paths = write_reports(directory, summary)
    click.echo(f"verdict: {summary.verdict.value}. {summary.reason}")
    click.echo(f"seed {asked.drawn.seed}; again with: {asked.replay}")
    for failure in summary.failures:
        if failure.counterexample:
            click.echo(f"replay: chaos run {shlex.quote(str(directory / failure.counterexample))}")
    for path in paths:
        click.echo(str(path))
    if signalled:
        return CUT_SHORT + signalled
    return 0 if summary.verdict is Verdict.PASS else 1


def _named(words: str, all_: Sequence[str]) -> Sequence[str]:
    if words == "all":
        return all_
    return [word.strip() for word in words.split(",") if word.strip() not in ("", NONE)]


def _known(option: str, names: Iterable[str], known: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(names))
    for name in found:
        if name not in known:
            raise ChaosError(f"{option} {name}: there is none of that name ({nearest(name, known)})")
    return found


def _again(
    target: str,
    drawn: Drawn,
    checks: list[str],
    faults: list[str],
    defects: tuple[str, ...],
    replay: Path | None,
    allow: tuple[str, ...],
) -> str:
    """The command that draws the same programs again."""
    words = ["chaos", "verify", "--target", redacted(target), "--seed", str(drawn.seed)]
    if replay is not None:
        words += ["--replay", str(replay)]
    else:
        words += ["--examples", str(drawn.examples), "--steps", str(drawn.steps), "--database", NONE]
    words += ["--faults", ",".join(faults)] if faults else []
    for option, values in (("--only", checks), ("--defect", defects), ("--allow", allow)):
        words += [word for value in values for word in (option, value)]
    return shlex.join(words)
