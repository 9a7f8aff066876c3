"""Whatever ends the harness, the warden reverts what it held, and ``chaos recover`` what the warden could not."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.faults.bookkeeper import Bookkeeper, until


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[..., Bookkeeper]]:
    """Makes a harness that holds two leases."""
    made: list[Bookkeeper] = []

    def make(seconds: float = 600.0) -> Bookkeeper:
        made.append(Bookkeeper(tmp_path, seconds))
        return made[-1]

    yield make
    for keeper in made:
        keeper.end()


def test_it_reverts_what_a_killed_harness_held(hold: Callable[..., Bookkeeper]) -> None:
    keeper = hold()
    assert keeper.held() == ["a", "b"]
    keeper.process.kill()

    assert until(lambda: not keeper.held(), 5.0)
    assert until(lambda: not psutil.pid_exists(keeper.warden)), "it ends with its task"
    assert keeper.ledgers() == []
    assert keeper.kept().count('"who": "the warden"') >= 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_meant_for_the_harness_do_not_end_it(
    hold: Callable[..., Bookkeeper], number: signal.Signals
) -> None:
    keeper = hold()
    os.kill(keeper.warden, number)
    keeper.process.kill()
    assert until(lambda: not keeper.held(), 5.0)


def test_one_that_is_killed_is_replaced(hold: Callable[..., Bookkeeper]) -> None:
    keeper = hold()
    os.kill(keeper.warden, signal.SIGKILL)

    assert "another was started" in keeper.heard("problem")
    keeper.process.kill()
    assert until(lambda: not keeper.held(), 5.0)


def test_it_reverts_past_the_deadline_of_a_harness_that_hangs(hold: Callable[..., Bookkeeper]) -> None:
    keeper = hold(seconds=1.0)
    os.kill(keeper.process.pid, signal.SIGSTOP)

    assert until(lambda: not keeper.held(), 10.0)
    assert psutil.pid_exists(keeper.warden), "it goes on watching"
    [ledger] = keeper.ledgers()
    assert "past the deadline" in (keeper.directory / "ledgers" / ledger).read_text()


def test_it_is_small(hold: Callable[..., Bookkeeper]) -> None:
    keeper = hold()
    own, harness = (psutil.Process(pid).memory_info().rss for pid in (keeper.warden, keeper.process.pid))
    assert own < 0.8 * harness, "the least there is of a harness: an event loop, no target, no traffic"
    assert own < 24 << 20


def kill_both(keeper: Bookkeeper) -> None:
    os.kill(keeper.process.pid, signal.SIGSTOP)  # it would start another warden
    os.kill(keeper.warden, signal.SIGKILL)
    keeper.process.kill()
    keeper.process.wait()
    assert keeper.held() == ["a", "b"]


def test_recover_reverts_what_both_left(hold: Callable[..., Bookkeeper]) -> None:
    keeper = hold()
    kill_both(keeper)

    listed = keeper.recover("--list")
    assert (listed.returncode, keeper.held()) == (0, ["a", "b"])
    assert "run r1 on embedded (ended): 2 in force" in listed.stdout
    assert "file a (in force)" in listed.stdout
    done = keeper.recover()
    assert (done.returncode, keeper.held(), keeper.ledgers()) == (0, [], [])
    assert done.stdout.count("reverted: removed it") == 2
    again = keeper.recover()
    assert again.returncode == 0
    assert "nothing is in force" in again.stdout


def test_recover_leaves_a_run_that_lives_alone(hold: Callable[..., Bookkeeper]) -> None:
    keeper = hold()
    done = keeper.recover()

    assert keeper.held() == ["a", "b"]
    assert done.returncode == 0
    assert f"its process {keeper.process.pid} lives" in done.stdout


def test_what_cannot_be_reverted_stays_owed_and_is_said(hold: Callable[..., Bookkeeper]) -> None:
    keeper = hold()
    (keeper.directory / "b.stuck").touch()
    keeper.process.kill()

    assert until(lambda: not psutil.pid_exists(keeper.warden))
    assert keeper.held() == ["b"]
    assert keeper.ledgers() == ["r1.jsonl"]
    first = keeper.recover()
    assert first.returncode == 1
    assert "b: NOT reverted: the file is stuck (remove it by hand)" in first.stdout
    (keeper.directory / "b.stuck").unlink()
    assert keeper.recover().returncode == 0
    assert keeper.held() == []


def test_two_runs_do_not_revert_each_other(hold: Callable[..., Bookkeeper], tmp_path: Path) -> None:
    keeper = hold()
    (tmp_path / "other").mkdir()
    other = Bookkeeper(tmp_path / "other")
    try:
        other.process.kill()
        assert until(lambda: not other.held(), 5.0)
        assert keeper.held() == ["a", "b"]
    finally:
        other.end()


def test_a_ledger_that_is_none_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "ledgers").mkdir()
    (tmp_path / "ledgers" / "x.jsonl").write_text("nonsense\nmore\n")
    keeper = Bookkeeper.__new__(Bookkeeper)
    keeper.directory = tmp_path
    done = keeper.recover()
    assert done.returncode == 1
    assert "x.jsonl:1" in done.stderr
    assert "Traceback" not in done.stderr
