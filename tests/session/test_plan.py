"""A run is checked as a whole before anything starts; its seed is accepted back; parts derive from it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.errors import DocumentError
from chaos.session.plan import make_plan, package_of, sub_seed
from tests.conftest import PROBE

ARGUMENTS: dict[str, Any] = {"probes": ["victim"], "models": [{"name": "a", "hostile": "burn"}]}


@pytest.fixture
def source(tmp_path: Path) -> str:
    """An experiment's path with a probe file where a bare name is looked for."""
    for room in ("experiments", "probes"):
        (tmp_path / room).mkdir()
    (tmp_path / "probes" / "victim.json").write_text(json.dumps(PROBE))
    reads = {name: PROBE[name] for name in ("schedule", "objectives")} | {"name": "list", "api": "list"}
    (tmp_path / "probes" / "list.json").write_text(json.dumps(reads))
    return str(tmp_path / "experiments" / "isolation.json")


def test_values_from_the_command_line_arrive_as_text(source: str) -> None:
    arguments = {**ARGUMENTS, "seed": "7", "defect": "a, b", "probes": [{"file": "victim", "rate": "80"}]}
    plan = make_plan(arguments, "title", source, ["run", source])

    assert plan.seed == 7
    assert plan.arguments.defect == ("a", "b")
    assert plan.probes[0].schedule.rate == 80.0
    assert package_of(plan.arguments.models[0]) == "burn"


def test_a_blank_seed_is_drawn_and_recorded_in_the_replay(source: str) -> None:
    plan = make_plan({**ARGUMENTS, "seed": ""}, "title", source, ["run", "--var", "mode=burn", source])

    assert shlex.split(plan.replay) == [
        "chaos",
        "run",
        "--var",
        f"seed={plan.seed}",
        "--var",
        "mode=burn",
        source,
    ]
    assert make_plan({**ARGUMENTS, "seed": ""}, "title", source, []).seed != plan.seed


@pytest.mark.parametrize("given_seed", [["--var", "seed=3"], ["--var=seed=3"], ["--var", "seed:int=3"]])
def test_the_replay_names_one_seed_only(source: str, given_seed: list[str]) -> None:
    plan = make_plan({**ARGUMENTS, "seed": 9}, "title", source, ["run", *given_seed, source])

    assert shlex.split(plan.replay) == ["chaos", "run", "--var", "seed=9", source]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": -1}, "seed"),
        ({"probes": []}, "probes"),
        ({"probes": ["victim", "victim"]}, "one name"),
        ({"models": [{"name": "a"}]}, "package"),
        ({"models": [{"name": "a", "package": "echo"}] * 2}, "more than once"),
        ({"unknown": 1}, "unknown"),
        ({"models": [{"name": "a", "package": "echo", "batch": 0}]}, "batch"),
        ({"links": ["client"], "probes": [{"file": "list", "via": "client"}]}, "carries no 'list'"),
    ],
)
def test_what_does_not_fit_names_the_place(source: str, change: dict[str, Any], told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        make_plan({**ARGUMENTS, **change}, "title", source, [])


@given(st.integers(0, 2**63 - 1), st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
def test_parts_of_a_run_have_seeds_of_their_own(seed: int, one: list[str], other: list[str]) -> None:
    assert sub_seed(seed, *one) == sub_seed(seed, *one)
    assert 0 <= sub_seed(seed, *one) < 2**63
    if one != other:
        assert sub_seed(seed, *one) != sub_seed(seed, *other)
