"""The gate of an experiment is linted: its arguments, and that it needs no session of ours."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.lint.experiments import EXPERIMENT, Document, linted


def gated(**arguments: Any) -> Document:
    """The experiment with the gate in its hypothesis."""
    document = copy.deepcopy(EXPERIMENT)
    provider = {
        "type": "python",
        "module": "chaos.probes",
        "func": "handler_is_sound",
        "arguments": arguments,
    }
    gate = {"type": "probe", "name": "the handler is sound", "tolerance": True, "provider": provider}
    document["steady-state-hypothesis"]["probes"].insert(0, gate)
    return document


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"package": "p", "payloads": "d", "fuz": 1}, "takes no 'fuz' (did you mean 'fuzz'?)"),
        ({"package": "p"}, "missing a required argument: 'payloads'"),
        ({"package": "p", "payloads": "d", "fuzz": -1}, "greater than or equal to 0"),
        ({"package": "p", "payloads": "d", "fuzz": "many"}, "many"),
        ({"package": "p", "payloads": "d", "memory": "2 pounds"}, "'2 pounds' is no size"),
        ({"package": "p", "payloads": "d", "timeout": 0}, "greater than 0"),
        ({"package": "", "payloads": "d"}, "at least 1 character"),
    ],
)
def test_what_it_cannot_be_called_with_is_found(arguments: dict[str, Any], words: str, folder: Path) -> None:
    found = linted(folder, gated(**arguments))

    assert len(found) == 1, found
    assert found[0].place.startswith("steady-state-hypothesis.probes.0.provider.arguments")
    assert words in str(found[0])


def test_a_gate_in_order_has_no_findings(folder: Path) -> None:
    for more in ({}, {"fuzz": "3", "memory": "512M", "seed": 4}, {"fuzz": "${later}", "memory": "${later}"}):
        assert linted(folder, gated(package="${later}", payloads="d", **more)) == []


def test_it_needs_no_control(folder: Path) -> None:
    document = gated(package="p", payloads="d")
    del document["controls"]
    document["steady-state-hypothesis"]["probes"] = document["steady-state-hypothesis"]["probes"][:1]
    document["method"] = [{"type": "probe", "name": "x", "provider": {"type": "process", "path": "true"}}]
    document["rollbacks"], document["runtime"] = [], {}

    assert linted(folder, document) == []
    document["steady-state-hypothesis"]["probes"][0]["tolerance"] = 3
    assert ["has to be true" in str(each) for each in linted(folder, document)] == [True]
