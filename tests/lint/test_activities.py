"""Activities are held against what they call: measurements, and what Chaos Toolkit adds by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.lint.experiments import EXPERIMENT, changed, linted, measuring, python


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"property": "isolatoin"}, "there is no property 'isolatoin' (did you mean 'isolation'?)"),
        ({"property": "C", "apis": "scale"}, "there is no cell 'scale:C'"),
        ({"property": "C", "apis": ["inference", "helth"]}, "there is no cell 'helth:C'"),
        ({"property": "isolation", "secs": 2}, "property C has no setting 'secs'"),
        ({"property": "isolation", "rate": "fast"}, "'fast' is no finite number"),
        ({"apis": "inference"}, "missing a required argument: 'property'"),
    ],
)
def test_a_measurement_that_cannot_be_is_found(arguments: dict[str, Any], words: str, folder: Path) -> None:
    found = linted(folder, changed("method/3", measuring(**arguments)))

    assert len(found) == 1, found
    assert found[0].place == "method.3.provider.arguments"
    assert words in str(found[0])


def test_a_measurement_in_order_has_no_findings(folder: Path) -> None:
    for arguments in (
        {"property": "isolation"},
        {"property": "C", "apis": "inference, handlers", "rate": "${rate}", "seconds": ""},
        {"property": "${later}", "apis": "${later}", "anything": 1},
        {"property": "linear_scaling", "apis": ["scale"], "rounds": "${later}"},
    ):
        assert linted(folder, changed("method/3", measuring(**arguments))) == []


def test_configuration_and_secrets_that_chaos_toolkit_adds_are_not_missed(folder: Path) -> None:
    activity = python("told")
    assert any("secrets" in f.problem for f in linted(folder, changed("method/3", activity)))
    activity["provider"]["secrets"] = ["vault"]
    assert linted(folder, changed("method/3", activity)) == []


def test_an_experiment_without_our_activities_needs_none_of_ours(folder: Path) -> None:
    plain = {"title": "t", "description": "d", "method": [EXPERIMENT["method"][1]]}

    assert linted(folder, plain) == []
    assert (
        linted(folder, {**plain, "rollbacks": [EXPERIMENT["method"][2]]})[0].place
        == "runtime.rollbacks.strategy"
    )
