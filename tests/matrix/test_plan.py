"""What is asked for is checked as a whole; each mistake is one line that says the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.errors import ChaosError
from chaos.matrix.groups import groups_of
from chaos.matrix.plan import Asked, make_plan, parse_settings
from chaos.properties.table import TABLE, parse_cells


def test_the_default_is_the_table_and_the_seed_is_drawn(synthetic: Path) -> None:
    plan = make_plan(Asked(synthetic))

    assert set(plan.cells) == set(TABLE)
    assert plan.url == "embedded"
    assert plan.replay == f"chaos matrix --target embedded --seed {plan.seed}"


def test_what_was_set_is_in_the_command_that_repeats_it(synthetic: Path) -> None:
    asked = Asked(
        synthetic,
        cells="list:A",
        seed=5,
        defects=("shared_queue",),
        settings={"A": {"value": 1.5}},
        allow=("h",),
    )
    assert make_plan(asked).replay == (
        "chaos matrix --target embedded --seed 5 --cells list:A --defect shared_queue --set A.value=1.5 --allow h"
    )


@pytest.mark.usefixtures("synthetic")
def test_groups_are_by_property_and_one_where_it_may_be() -> None:
    groups = groups_of(parse_cells("B,list,scale"))

    assert [group.name for group in groups if group.code == "B"] == ["B"]
    soaked = next(group for group in groups if group.code == "B")
    assert {str(cell) for cell in soaked.cells} == {str(cell) for cell in TABLE if cell.code == "B"}
    assert [group.code for group in groups] == sorted(group.code for group in groups)
    assert sum(len(group.cells) for group in groups) == len(parse_cells("B,list,scale"))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Asked(cells="list:Z"), "there is no cell 'list:Z'"),
        (Asked(cells=","), "no cells are named"),
        (Asked(target="nowhere+http://127.0.0.1:1"), "nowhere"),
        (Asked(target="torchserve+http://example.org:1"), "--allow example.org"),
        (Asked(defects=("no_such",)), "unknown defect 'no_such'"),
        (Asked(target="oip+http://127.0.0.1:1", defects=("shared_queue",)), "embedded platform only"),
        (Asked(target="embedded?speed=9"), "speed"),
        (Asked(settings={"A": {"speed": 1.0}}), "no setting 'speed'"),
    ],
)
def test_a_mistake_is_one_line(synthetic: Path, asked: Asked, words: str) -> None:
    with pytest.raises(ChaosError, match=words) as caught:
        make_plan(Asked(synthetic, asked.target, asked.cells, 1, asked.defects, asked.settings))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "word", ["A", "A=1", "A.value", "Z.value=1", "A.value=fast", "A.value=nan", "A.speed=1", ".=1"]
)
@pytest.mark.usefixtures("synthetic")
def test_a_setting_that_is_none_is_refused(word: str) -> None:
    with pytest.raises(ChaosError):
        parse_settings([word])


@pytest.mark.usefixtures("synthetic")
def test_settings_are_by_code_and_name() -> None:
    assert parse_settings(["A.value=2", "B.seconds=1e2", "A.value=3"]) == {
        "A": {"value": 3.0},
        "B": {"seconds": 100.0},
    }


def test_a_directory_with_something_else_is_left_alone(synthetic: Path) -> None:
    synthetic.mkdir()
    (synthetic / "mine.txt").write_text("mine")

    with pytest.raises(ChaosError, match="something else in it"):
        make_plan(Asked(synthetic))
    with pytest.raises(ChaosError, match="--out"):
        make_plan(Asked(synthetic / "mine.txt"))
    assert [path.name for path in synthetic.iterdir()] == ["mine.txt"]


def test_the_history_of_a_run_is_no_matrix(synthetic: Path) -> None:
    synthetic.mkdir()
    (synthetic / "history.jsonl").write_text('{"kind":"run","at":1.0}\n')

    with pytest.raises(ChaosError, match="something else in it"):
        make_plan(Asked(synthetic))
