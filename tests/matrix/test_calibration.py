"""Rates with exact intervals, targets, trials, and the tables."""

from __future__ import annotations

import json

import pytest

from chaos.embedded.defects import Defect
from chaos.errors import ChaosError
from chaos.matrix.calibration import Calibration
from chaos.matrix.calibration_table import render_table
from chaos.matrix.trials import Trial, defects_named, trials_of
from chaos.properties.base import CellResult, Measure
from chaos.properties.table import TABLE, Cell, parse_cells
from chaos.sla.rates import Rate
from chaos.sla.results import Verdict

CELL = Cell("inference", "C")


def result(verdict: Verdict, applicable: bool = True, check: str = "victim | p90") -> CellResult:
    measures = (Measure(check, verdict, "because"), Measure("other", Verdict.PASS, "fine"))
    return CellResult("inference", "C", verdict, "because", measures, applicable=applicable)


def calibrated(correct: list[Verdict], defective: list[Verdict], loaded: bool = False) -> Calibration:
    found = Calibration(loaded)
    for number, verdict in enumerate(correct):
        found.add(Trial(f"correct-{number}", "", (CELL,), 1), [result(verdict)])
    for number, verdict in enumerate(defective):
        found.add(Trial(f"shared_queue-{number}", "shared_queue", (CELL,), 1), [result(verdict)])
    return found


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        (0, 224, 0.0, 0.01633),  # 1 - 0.025 ** (1 / 224)
        (10, 10, 0.69150, 1.0),  # 0.025 ** (1 / 10)
        (5, 10, 0.18709, 0.81291),
    ],
)
def test_intervals_are_exact(count: int, n: int, low: float, high: float) -> None:
    assert Rate(count, n).interval == pytest.approx((low, high), abs=1e-4)


def test_of_nothing_there_is_no_rate() -> None:
    assert Rate(0, 0).share is None
    assert Rate(0, 0).document() == {"count": 0, "n": 0, "share": None, "low": None, "high": None}


@pytest.mark.parametrize(
    ("correct", "defective", "missed"),
    [
        ([Verdict.PASS] * 200, [Verdict.FAIL] * 10, []),
        ([Verdict.PASS] * 200, [Verdict.FAIL] * 9 + [Verdict.UNKNOWN], ["shared_queue was found"]),
        ([Verdict.PASS] * 200, [Verdict.FAIL] * 19 + [Verdict.PASS], []),
        ([Verdict.PASS] * 197 + [Verdict.FAIL] * 3, [], ["3 false alarms in 200"]),
        ([Verdict.PASS] * 189 + [Verdict.UNKNOWN] * 11, [], ["11 runs that cannot be told"]),
        ([], [], ["nothing was tried"]),
    ],
)
def test_targets(correct: list[Verdict], defective: list[Verdict], missed: list[str]) -> None:
    found = calibrated(correct, defective).missed()

    assert len(found) == len(missed)
    assert all(words in text for words, text in zip(missed, found, strict=True))


def test_under_load_only_a_false_alarm_counts() -> None:
    assert calibrated([Verdict.UNKNOWN] * 100, [], loaded=True).missed() == []
    assert len(calibrated([Verdict.UNKNOWN] * 98 + [Verdict.FAIL] * 2, [], loaded=True).missed()) == 1


def test_what_does_not_apply_is_in_no_rate() -> None:
    found = calibrated([Verdict.PASS], [])
    found.add(Trial("correct-1", "", (CELL,), 1), [result(Verdict.UNKNOWN, applicable=False)])

    assert (found.rate("pass").count, found.rate("pass").n) == (1, 1)
    assert found.document()["cells"][0]["verdicts"] == {"pass": 1, "not_applicable": 1}


def test_the_tables_say_by_what_it_was_caught_and_what_was_missed() -> None:
    found = calibrated([Verdict.PASS, Verdict.UNKNOWN], [Verdict.FAIL, Verdict.FAIL, Verdict.PASS])
    text = render_table(found, "About it.")

    assert "| `shared_queue` | inference:C | 2 of 3 | 9.4% to 99.2% | 0 | victim \\| p90 (2) |" in text
    assert "| inference:C | 1 | 0 | 1 | 0 |  |" in text
    assert "- shared_queue-2: pass: because" in text
    assert "Targets missed: shared_queue was found by inference:C in 2 of 3" in text
    json.dumps(found.document(), allow_nan=False)


def test_trials_are_round_by_round_each_with_its_own_seed() -> None:
    named = defects_named("all", parse_cells("C,J"))
    trials = trials_of(parse_cells("C,J"), named, 2, 3, 7)

    assert [trial.name for trial in trials if not trial.defect] == ["correct-01", "correct-02", "correct-03"]
    assert trials[0].cells == parse_cells("C,J")
    assert len({trial.seed for trial in trials}) == len(trials)
    assert trials == trials_of(parse_cells("C,J"), named, 2, 3, 7)
    for trial in trials:
        assert not trial.defect or {str(cell) for cell in trial.cells} <= set(Defect(trial.defect).cells)
    assert trials_of(parse_cells("C,J"), named, 3, 3, 7)[: len(trials)] != ()


def test_all_means_those_that_a_cell_is_to_find() -> None:
    assert set(defects_named("all", TABLE)) == {
        defect for defect in Defect if set(defect.cells) & set(map(str, TABLE))
    }
    assert defects_named("none", TABLE) == ()
    assert defects_named("shared_queue", (CELL,)) == (Defect.SHARED_QUEUE,)


@pytest.mark.parametrize(
    ("text", "words"),
    [("nope", "unknown defect"), ("oom_unnamed", "none of the cells"), (",", "none is named")],
)
def test_a_defect_that_nothing_finds_is_refused(text: str, words: str) -> None:
    with pytest.raises(ChaosError, match=words):
        defects_named(text, TABLE)
