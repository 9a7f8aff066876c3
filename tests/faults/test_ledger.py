"""The ledger says what is owed, whatever cut it off, and belongs to the run that lives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.faults.ledger import KEPT, Ledger, LedgerError, boot_clock, read_ledger
from chaos.faults.recover import find

UNDO = {"pid": 1, "started": 2.5}


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of ledgers for each test."""
    monkeypatch.setenv("CHAOS_LEDGER", str(tmp_path / "ledgers"))
    return tmp_path / "ledgers"


def opened(tmp_path: Path, run: str = "r1") -> Ledger:
    (tmp_path / "run").mkdir(exist_ok=True)
    return Ledger.create(run, "embedded", tmp_path / "run")


def intend(ledger: Ledger, lease: str, seconds: float = 60.0) -> None:
    ledger.intend(lease, "noop", "chaos.faults.noop:Noop", ["nothing"], UNDO, seconds)


def test_what_is_owed_latest_first(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    for lease in ("a", "b", "c", "d"):
        intend(ledger, lease)
    ledger.in_force("b")
    ledger.reverted("c", "did it", "the session")
    ledger.not_reverted("d", "it refused", "the session")

    state = read_ledger(ledger.path)
    assert [(lease.lease, lease.status) for lease in state.owed] == [
        ("d", "not reverted"), ("b", "in force"), ("a", "intent"),
    ]  # fmt: skip
    assert state.run == "r1"
    assert state.pid == os.getpid()
    assert state.target == "embedded"
    assert state.leases["c"].said == "did it"
    assert state.leases["d"].said == "it refused"
    assert state.leases["a"].undo == UNDO
    ledger.close()


def test_a_settled_ledger_moves_to_its_run(tmp_path: Path, directory: Path) -> None:
    ledger = opened(tmp_path)
    intend(ledger, "a")
    ledger.reverted("a", "", "the session")

    assert ledger.close() is True
    assert list(directory.glob("*")) == []
    kept = [json.loads(line)["event"] for line in (tmp_path / "run" / KEPT).read_text().splitlines()]
    assert kept == ["run", "intent", "reverted"]


def test_an_owed_one_stays(tmp_path: Path, directory: Path) -> None:
    ledger = opened(tmp_path)
    intend(ledger, "a")

    assert ledger.close() is False
    assert [path.name for path in directory.glob("*")] == ["r1.jsonl"]
    assert not (tmp_path / "run" / KEPT).exists()


def test_it_is_for_its_owner_only(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    assert ledger.path.stat().st_mode & 0o077 == 0
    ledger.close()


def test_the_lock_dies_with_the_process_that_held_it(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from chaos.faults.ledger import Ledger\n"
        "ledger = Ledger.create('other', 'embedded', Path('.')); print(ledger.path, flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        assert holder.stdout is not None
        ledger = Ledger(Path(holder.stdout.readline().strip()))
        assert not ledger.lock(0.1)
        holder.kill()
        assert ledger.lock(5.0)
        ledger.abandon()
    finally:
        holder.kill()
        holder.communicate()


def test_deadlines_are_of_this_boot(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    intend(ledger, "late", seconds=-1.0)
    intend(ledger, "early", seconds=60.0)
    state = read_ledger(ledger.path)

    assert [lease.lease for lease in state.overdue()] == ["late"]
    assert state.leases["early"].deadline == pytest.approx(boot_clock() + 60, abs=5)
    state.boot = "an earlier one"
    assert state.overdue() == []
    ledger.close()


def test_one_run_one_ledger(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    with pytest.raises(LedgerError, match="chaos recover"):
        opened(tmp_path)
    ledger.close()


def test_who_looks_never_sees_one_that_nobody_holds(tmp_path: Path, directory: Path) -> None:
    """However often others look, and try the lock, while it is made."""
    stop = threading.Event()
    seen: list[bool] = []

    def look() -> None:
        while not stop.is_set():
            seen.extend(
                isinstance(found, LedgerError) or not found.alive or not found.state.run
                for found in find(directory)
            )

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for number in range(60):
            ledger = opened(tmp_path, f"r{number}")
            intend(ledger, "a")
            assert list(directory.glob(".*")) == []
            ledger.reverted("a", "", "the session")
            ledger.close()
    finally:
        stop.set()
        looker.join()
    assert seen
    assert not any(seen)


def test_no_place_to_write_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CHAOS_LEDGER", str(tmp_path / "file"))
    with pytest.raises(LedgerError, match="CHAOS_LEDGER"):
        opened(tmp_path)


@given(cut=st.integers(min_value=0, max_value=2000))
def test_a_line_cut_off_by_a_crash_is_passed_over(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Wherever the file ends, what was complete by then is read, and nothing else."""
    directory = tmp_path_factory.mktemp("cut")
    entries: list[dict[str, Any]] = [
        {"event": "run", "run": "r", "pid": 1, "target": "t", "directory": "d", "boot": "b"},
        {"event": "intent", "lease": "a", "fault": "f", "by": "m:C", "touches": ["x"], "undo": {}, "deadline": 1.0},
        {"event": "in force", "lease": "a"},
        {"event": "reverted", "lease": "a", "did": "", "who": "w"},
    ]  # fmt: skip
    whole = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
    path = directory / "cut.jsonl"
    path.write_bytes(whole[:cut])
    lines = whole[:cut].split(b"\n")
    complete = [
        entry for entry, line in zip(entries, lines, strict=False) if line == json.dumps(entry).encode()
    ]

    state = read_ledger(path)
    assert bool(state.leases) == (len(complete) >= 2)
    if complete and len(complete) >= 2:
        assert state.leases["a"].status == complete[-1]["event"]


def test_a_broken_line_elsewhere_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text('{"event": "in force", "lease": "never intended"}\n{"event": "x"\n')
    with pytest.raises(LedgerError, match=r"broken\.jsonl:1"):
        read_ledger(path)
