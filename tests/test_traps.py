"""Chaos Toolkit's traps, each with the stock ``chaos``: exit code, journal, and what was left behind.

Without our control every experiment here ends with exit code 0, or leaves its rollbacks unplayed.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import ChaosCommand, activity


def test_an_experiment_as_written_passes(chaos: ChaosCommand) -> None:
    ended = chaos("run", chaos.write())

    assert ended.exit_code == 0, ended.output
    assert ended.summary["verdict"] == "pass"
    assert ended.journal["status"] == "completed"
    assert ended.journal["chaos"]["verdict"] == "pass"
    assert ended.rolled_back
    names = {path.name for path in ended.run_directory.iterdir()}
    expected = {"history.jsonl", "summary.json", "journal.json", "junit.xml", "report.md", "report.html"}
    assert expected <= names


@pytest.mark.parametrize("func", ["boom", "interrupt"])
def test_a_failed_fault_action_is_not_green(mine: ChaosCommand, func: str) -> None:
    ended = mine("run", mine.write(lambda experiment: experiment["method"].append(activity(func))))

    assert ended.exit_code == 1
    assert ended.summary["verdict"] != "pass"
    assert any(func in text for text in ended.summary["problems"])
    assert ended.rolled_back


def test_a_fault_that_was_never_in_force_is_not_green(chaos: ChaosCommand) -> None:
    def change(experiment: dict[str, Any]) -> None:
        experiment["method"][0]["provider"]["arguments"]["model"] = "not-there"

    ended = chaos("run", chaos.write(change))

    assert ended.exit_code == 1
    assert ended.summary["verdict"] == "unknown"
    assert "not injected" in ended.output
    assert ended.rolled_back


def test_an_unmet_gate_is_not_green(chaos: ChaosCommand) -> None:
    chaos.write_probe(objectives=[{"sli": "latency", "quantile": 0.5, "at_most": 1e-6}])
    ended = chaos("run", chaos.write())

    assert ended.exit_code == 1
    assert ended.summary["verdict"] == "fail"
    assert ended.journal["run"] == []
    assert ended.rolled_back


def test_probes_that_fail_only_during_the_method_are_not_green(mine: ChaosCommand) -> None:
    def change(experiment: dict[str, Any]) -> None:
        probe = activity("flaky", type="probe", tolerance=True)
        experiment["steady-state-hypothesis"]["probes"].insert(0, probe)

    arguments = ["--hypothesis-strategy", "continuously", "--hypothesis-frequency", "0.2"]
    ended = mine("run", *arguments, mine.write(change))

    assert ended.exit_code == 1
    assert any("during the method" in text for text in ended.summary["problems"])


def test_fail_fast_does_not_leave_the_fault_in(mine: ChaosCommand) -> None:
    def change(experiment: dict[str, Any]) -> None:
        probe = activity("flaky", type="probe", tolerance=True)
        experiment["steady-state-hypothesis"]["probes"].insert(0, probe)

    arguments = [
        "--hypothesis-strategy",
        "during-method-only",
        "--hypothesis-frequency",
        "0.1",
        "--fail-fast",
    ]
    ended = mine("run", "--rollback-strategy", "default", *arguments, mine.write(change))

    assert ended.exit_code == 1
    assert ended.rolled_back
    assert all(fault["reverted"] is not None for fault in ended.summary["faults"])


def test_a_tolerance_that_crashes_chaos_toolkit_still_rolls_back(mine: ChaosCommand) -> None:
    def change(experiment: dict[str, Any]) -> None:
        tolerance = {"type": "range", "range": [0, 10]}
        probe = activity("none", type="probe", tolerance=tolerance)
        experiment["steady-state-hypothesis"]["probes"].append(probe)

    ended = mine("run", mine.write(change))

    assert ended.exit_code == 1
    assert ended.rolled_back
    assert ended.summary["verdict"] != "pass"
    assert ended.journal["status"] != "completed"


@pytest.mark.parametrize("strategy", ["default", "never", "deviated"])
def test_rollbacks_are_always_played(mine: ChaosCommand, strategy: str) -> None:
    def change(experiment: dict[str, Any]) -> None:
        experiment["method"].append(activity("boom"))

    ended = mine("run", "--rollback-strategy", strategy, mine.write(change))

    assert ended.exit_code == 1
    assert ended.rolled_back


def test_a_coroutine_is_refused_before_anything_starts(mine: ChaosCommand) -> None:
    ended = mine("run", mine.write(lambda experiment: experiment["method"].append(activity("later"))))

    assert ended.exit_code == 1
    assert "later" in ended.output
    assert not (mine.directory / "reports").exists()


def test_an_output_that_is_no_json_does_not_cost_the_journal(mine: ChaosCommand) -> None:
    ended = mine("run", mine.write(lambda experiment: experiment["method"].append(activity("awaitable"))))

    assert ended.exit_code == 1
    assert ended.journal["status"] == "failed"
    assert any("no JSON" in text for text in ended.summary["problems"])
    assert (mine.directory / "journal.json").read_text().endswith("}")
    assert ended.rolled_back


def test_a_background_activity_that_vanishes_is_not_green(mine: ChaosCommand) -> None:
    def change(experiment: dict[str, Any]) -> None:
        experiment["method"].insert(0, activity("die_in_background", background=True))

    ended = mine("run", mine.write(change))

    assert ended.exit_code == 1
    assert any("die_in_background" in text for text in ended.summary["problems"])


def test_a_guard_that_crashes_is_not_green(chaos: ChaosCommand) -> None:
    (chaos.directory / "sitecustomize.py").write_text(
        "import chaos.sla.guard as guard\n"
        "def feed(self, entry, at): raise RuntimeError('seeded crash of a guard')\n"
        "guard.GuardWatch.feed = feed\n"
    )
    chaos.write_probe(guards=[{"target": 0.9, "burn_rate": 5, "window": 1}])
    ended = chaos("run", chaos.write())

    assert ended.exit_code == 1
    assert ended.summary["verdict"] != "pass"
    assert any("seeded crash" in text for text in ended.summary["problems"])


def test_a_guard_that_trips_cuts_the_fault_short_at_once(chaos: ChaosCommand) -> None:
    def change(experiment: dict[str, Any]) -> None:
        experiment["method"][0]["provider"]["arguments"].update(seconds=25.0, intensity=8)
        experiment["controls"][0]["provider"]["arguments"]["defect"] = "shared_queue"

    guard = {"target": 0.9, "burn_rate": 2, "window": 1.0, "slower_than": 0.3, "at_least_requests": 5}
    chaos.write_probe(guards=[guard])
    ended = chaos("run", chaos.write(change))

    assert ended.exit_code == 1
    assert ended.summary["verdict"] == "fail"
    assert ended.summary["guards"]
    assert ended.summary["faults"][0]["seconds"] < 20.0


def test_activities_without_the_control_are_not_green(chaos: ChaosCommand) -> None:
    ended = chaos("run", chaos.write(lambda experiment: experiment.pop("controls") and None))

    assert ended.exit_code == 1
    assert "chaos.control" in ended.output
    assert "Traceback" not in ended.output


def test_a_dry_run_starts_nothing(chaos: ChaosCommand) -> None:
    ended = chaos("run", "--dry", "activities", chaos.write())

    assert ended.exit_code == 0, ended.output
    assert not (chaos.directory / "reports").exists()
