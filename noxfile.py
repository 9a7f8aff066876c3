"""Sessions: `nox` runs what CI runs; `nightly`, `real` and `bench` are slow and run by name.

They use the environment that nox itself is installed in (`pip install -e '.[dev]'`), so that a clean
clone installs everything once.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nox

nox.options.sessions = ["check", "test"]
nox.options.default_venv_backend = "none"
nox.options.error_on_external_run = False

PYTHON = sys.executable


def _tool(name: str) -> str:
    return str(Path(PYTHON).parent / name)


@nox.session
def check(session: nox.Session) -> None:
    """Style, types, the rooms' imports, and our own experiments."""
    session.run(PYTHON, "-m", "ruff", "check")
    session.run(PYTHON, "-m", "ruff", "format", "--check")
    session.run(PYTHON, "-m", "mypy")
    session.run(_tool("lint-imports"))
    documents = sorted(str(path) for room in ("experiments", "probes") for path in Path(room).glob("*.json"))
    session.run(_tool("chaos"), "--no-version-check", "--no-log-file", "lint", *documents)


@nox.session
def test(session: nox.Session) -> None:
    """The default suite: under ten minutes on two cores. Much of it waits, so three workers share it."""
    session.run(PYTHON, "-m", "pytest", "-n", "3", "--dist", "worksteal", *session.posargs)


@nox.session
def nightly(session: nox.Session) -> None:
    """Programs by the thousand; false alarms and misses of each experiment and of the matrix; a hundred kills."""
    session.run(
        _tool("chaos"), "--no-version-check", "--no-log-file", "verify",
        "--profile", "nightly", "--faults", "all", "--out", "reports/nightly",
    )  # fmt: skip
    for name in ("isolation", "appproxy_disconnect", "oom", "duplicate_scale"):
        vary = ["--vary", "mode=occupy,burn,crash,huge", "--cross"] if name == "isolation" else []
        session.run(PYTHON, "-m", "benchmarks.campaign", f"experiments/{name}.json", *vary, *session.posargs)
    session.run(_tool("chaos"), "--no-version-check", "--no-log-file", "calibrate")
    session.run(PYTHON, "-m", "pytest", "tests/test_recovery.py", env={"CHAOS_KILLS": "100"})
    session.run(PYTHON, "-m", "pytest", "tests/operations/test_defects.py", env={"CHAOS_DEFECTS": "all"})


@nox.session
def real(session: nox.Session) -> None:
    """Install and start real servers; run the adapters, the isolation experiment and the matrix against them."""
    session.run(
        PYTHON, "-m", "pytest", "-m", "real", "--timeout=900", "-s", "tests/real", *session.posargs,
        env={"CHAOS_REAL": "1"},
    )  # fmt: skip


@nox.session
@nox.parametrize("what", ["traffic", "proxy", "handler"], ids=["traffic", "proxy", "handler"])
def bench(session: nox.Session, what: str) -> None:
    """Our traffic client beside wrk and hey; our fault proxy beside HAProxy; isolated handlers beside bare ones."""
    session.run(PYTHON, "-m", f"benchmarks.{what}", *session.posargs)


@nox.session
def constraints(session: nox.Session) -> None:
    """Write down the versions that are installed, for CI."""
    frozen = session.run(PYTHON, "-m", "pip", "freeze", "--exclude-editable", silent=True)
    head = "# Versions that CI runs with. Regenerate with `nox -s constraints`.\n"
    Path("constraints.txt").write_text(head + str(frozen), encoding="utf-8")
