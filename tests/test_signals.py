"""Signals in every phase, with the stock ``chaos``: faults reverted, rollbacks played, nothing left behind."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.conftest import ChaosCommand, activity


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1]
)
def test_a_signal_in_an_activity_ends_the_run_and_rolls_back(
    chaos: ChaosCommand, number: signal.Signals
) -> None:
    process = chaos.start("run", chaos.write(_long_fault))
    chaos.await_phase(process, "fault")
    process.send_signal(number)
    ended = chaos.end(process)

    assert ended.exit_code == 1
    assert ended.journal["status"] == "interrupted"
    assert ended.rolled_back
    assert ended.summary["verdict"] == "unknown"
    assert ended.summary["faults"][0]["reverted"] is not None
    assert "Traceback" not in ended.output


def test_a_signal_that_is_ignored_stays_so(chaos: ChaosCommand) -> None:
    (chaos.directory / "sitecustomize.py").write_text(
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    )
    process = chaos.start("run", chaos.write())  # as `nohup chaos run` does
    chaos.await_phase(process, "fault")
    process.send_signal(signal.SIGHUP)

    assert chaos.end(process).exit_code == 0


def test_sigterm_does_not_wait_for_a_fault_in_the_background(mine: ChaosCommand) -> None:
    def change(experiment: dict[str, Any]) -> None:
        experiment["method"][0]["background"] = True
        experiment["method"][0]["provider"]["arguments"]["seconds"] = 300.0
        experiment["method"].append(activity("wait", arguments={"seconds": 300.0}))

    process = mine.start("run", mine.write(change))
    mine.await_phase(process, "fault")
    process.terminate()
    ended = mine.end(process, seconds=60.0)

    assert ended.exit_code == 1
    assert ended.rolled_back
    assert ended.summary["faults"][0]["reverted"] is not None


def test_sigusr2_skips_the_rollbacks_but_not_the_revert(chaos: ChaosCommand) -> None:
    process = chaos.start("run", chaos.write(_long_fault))
    chaos.await_phase(process, "fault")
    process.send_signal(signal.SIGUSR2)
    ended = chaos.end(process)

    assert ended.exit_code == 1
    assert not ended.rolled_back
    assert ended.summary["faults"][0]["reverted"] is not None


@pytest.mark.parametrize("phase", ["warmup", "baseline", "recovery"])
def test_sigterm_in_any_phase_leaves_nothing(chaos: ChaosCommand, phase: str) -> None:
    process = chaos.start("run", chaos.write(_slow_phases))
    chaos.await_phase(process, phase)
    process.terminate()
    ended = chaos.end(process)

    assert ended.exit_code == 1
    assert ended.summary["verdict"] != "pass"
    assert ended.rolled_back


@pytest.mark.parametrize("phase", ["warmup", "baseline", "fault", "recovery"])
def test_sigkill_leaves_no_process_and_a_readable_history(chaos: ChaosCommand, phase: str) -> None:
    process = chaos.start("run", chaos.write(_slow_phases))
    directory = chaos.await_phase(process, phase)
    process.kill()
    process.communicate()

    assert chaos.leftovers() == []
    reported = chaos("report", str(directory))
    assert reported.exit_code == 0, reported.output
    assert reported.summary["verdict"] == "unknown"
    assert (directory / "report.html").exists()


def _long_fault(experiment: dict[str, Any]) -> None:
    experiment["method"][0]["provider"]["arguments"]["seconds"] = 30.0


def _slow_phases(experiment: dict[str, Any]) -> None:
    seconds = {"warmup": 1.0, "baseline": 1.5, "recovery": 3.0}
    experiment["controls"][0]["provider"]["arguments"]["seconds"] = seconds
    experiment["method"][0]["provider"]["arguments"]["seconds"] = 2.0
