"""Each thing that Chaos Toolkit lets through is found, where it is, and with the remedy."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from tests.lint.experiments import ARGUMENTS, EXPERIMENT, changed, linted, python


def test_an_experiment_in_order_has_no_findings(folder: Path) -> None:
    assert linted(folder, EXPERIMENT) == []
    assert linted(folder, changed("method/3", python("takes", one=1))) == []
    assert linted(folder, changed("method/3", python("anything", whatever="${token}"))) == []


@pytest.mark.parametrize(
    ("path", "value", "place", "words"),
    [
        ("title", ..., "", "no 'title'"),
        ("runtime/rollbacks/strategy", "alwayz", "runtime.rollbacks.strategy", "did you mean 'always'?"),
        ("runtime/rollbacks/strategy", "default", "runtime.rollbacks.strategy", "skips rollbacks on failure"),
        ("runtime/rollbacks", {}, "runtime.rollbacks.strategy", "skips rollbacks on failure"),
        ("runtime", ..., "runtime.rollbacks.strategy", "skips rollbacks on failure"),
        ("runtime/hypothesis/strategy", "continously", "runtime.hypothesis.strategy", "did you mean 'continuously'?"),
        ("runtime/rollback", {}, "runtime.rollback", "did you mean 'rollbacks'?"),
        ("runtime", [], "runtime", "has to be an object"),
        ("runtime/rollbacks", "always", "runtime.rollbacks", "has to be an object"),
        ("rollbacks/0/ref", "strik", "rollbacks.0.ref", "no activity 'strik' (did you mean 'strike'?)"),
        ("method/3", {"ref": "nobody"}, "method.3.ref", "no activity 'nobody'"),
        ("rollbacks/0/ref", "undo", "rollbacks.0.ref", "no activity 'undo'"),
        ("method", {}, "method", "has to be a list"),
        ("method/0", "strike", "method.0", "has to be an activity"),
        ("method/0/name", ..., "method.0", "has no name"),
        ("method/0/name", "holds", "method.0.name", "a second activity is named 'holds'"),
        ("method/0/provider/module", "chaos.acts", "method.0.provider.module", "cannot be imported"),
        ("method/0/provider/module", ..., "method.0.provider.module", "names no module"),
        ("method/0/provider/func", "injekt", "method.0.provider.func", "did you mean 'inject'?"),
        ("method/0/provider/arguments/fault", "noob", "method.0.provider.arguments.fault", "did you mean 'noop'?"),
        ("method/0/provider/arguments/fault", ..., "method.0.provider.arguments", "'fault'"),
        ("method/0/provider/arguments/mdoe", "burn", "method.0.provider.arguments.mdoe", "did you mean 'mode'?"),
        ("method/0/provider/arguments/model", ..., "method.0.provider.arguments", "field 'model' is missing"),
        ("method/0/provider/arguments/mode", "brun", "method.0.provider.arguments.mode", "'burn'"),
        ("method/0/provider/arguments/intensity", 0, "method.0.provider.arguments.intensity", "greater"),
        ("method/0/provider/arguments/seconds", -1, "method.0.provider.arguments.seconds", "above 0"),
        ("method/0/provider/arguments/seconds", "soon", "method.0.provider.arguments.seconds", "above 0"),
        ("method/0/provider/arguments/seconds", "${secs}", "method.0.provider.arguments", "did you mean 'seconds'?"),
        ("method/0/provider/arguments", [], "method.0.provider.arguments", "cannot be called so"),
        ("method/0/provider/arguments", "fast", "method.0.provider.arguments", "has to be an object"),
        ("method/3", python("awaited"), "method.3.provider.func", "never awaits"),
        ("method/3", python("generated"), "method.3.provider.func", "never awaits"),
        ("method/3", python("value"), "method.3.provider.func", "no function 'value'"),
        ("method/3", python("takes"), "method.3.provider.arguments", "missing"),
        ("method/3", python("takes", one=1, three=3), "method.3.provider.arguments.three", "takes no 'three'"),
        ("method/3", python("f", module="broken_module"), "method.3.provider.module", "breaks when it is imported"),
        ("steady-state-hypothesis", [1], "steady-state-hypothesis", "has to be an object"),
        ("steady-state-hypothesis/probes/0/tolerance", ..., "steady-state-hypothesis.probes.0", "no tolerance"),
        ("steady-state-hypothesis/probes/0/tolerance", 0.5, "steady-state-hypothesis.probes.0.tolerance", "range"),
        ("steady-state-hypothesis/probes/0/tolerance", 1, "steady-state-hypothesis.probes.0.tolerance", "write true"),
        ("controls", ..., "controls", "need the control chaos.control"),
        ("controls", {}, "controls", "need the control"),
        ("controls", ["serving"], "controls", "has to be a list of objects"),
        ("controls/1", EXPERIMENT["controls"][0], "controls.1", "more than once"),
        ("controls/1", {"ref": "servin"}, "controls.1.ref", "no control 'servin' (did you mean 'serving'?)"),
        ("controls/1", {"ref": "serving"}, "controls.1", "needs a 'name' and a 'provider'"),
        ("controls/0/automatic", False, "controls.0", "take 'scope' and 'automatic' out"),
        ("controls/0/scope", "before", "controls.0", "take 'scope' and 'automatic' out"),
        ("controls/0/provider/type", "http", "controls.0.provider.type", "python control"),
        (f"{ARGUMENTS}/tarket", "x", "controls.0.provider.arguments.tarket", "did you mean 'target'?"),
        (f"{ARGUMENTS}/seed", -4, "controls.0.provider.arguments.seed", "greater than or equal to 0"),
        (f"{ARGUMENTS}/seed", "${sede}", "controls.0.provider.arguments", "did you mean 'seed'?"),
        (f"{ARGUMENTS}/probes", [], "controls.0.provider.arguments.probes", "at least 1"),
        (f"{ARGUMENTS}/probes", ["victin"], "probe 'victin'", "did you mean 'victim'?"),
        (f"{ARGUMENTS}/probes", ["victim", "probes/victim.json"], "controls.0.provider.arguments.probes.1", "is named"),
        ("configuration", [], "", "have to be objects"),
        ("configuration/rate", 0, "controls.0.provider.arguments.probes.0.rate", "greater than 0"),
    ],
)  # fmt: skip
def test_each_mistake_is_found_where_it_is(
    path: str, value: Any, place: str, words: str, folder: Path
) -> None:
    found = linted(folder, changed(path, value))

    matching = [f for f in found if f.place == place and words in str(f)]
    assert matching, [str(f) for f in found]
    assert all(f.severity == "error" for f in found)


def test_what_only_a_run_can_know_is_left_to_it(folder: Path) -> None:
    assert linted(folder, changed(f"{ARGUMENTS}/seed", "${later}")) == []
    assert linted(folder, changed("method/0/provider/arguments/mode", "${later}")) == []
    assert linted(folder, changed(f"{ARGUMENTS}/probes/0/file", "${later}")) == []
    assert linted(folder, changed(f"{ARGUMENTS}/probes/0/rate", "${later}")) == []


def test_the_default_of_an_environment_variable_is_checked(folder: Path) -> None:
    for kind, default in (("int", "-4"), ("int", "four"), ("str", "four")):
        variable = {"type": "env", "key": "SEED", "default": default, "env_var_type": kind}
        places = [f.place for f in linted(folder, changed("configuration/seed", variable))]
        assert places == ["controls.0.provider.arguments.seed"]


class OwnArguments(BaseModel, extra="forbid"):
    """Another control's arguments."""

    probes: list[str] = Field(max_length=3)


def test_the_model_of_the_arguments_can_be_given(folder: Path) -> None:
    document = changed(ARGUMENTS, {"probes": ["victim"]})

    assert linted(folder, document, control_model=OwnArguments) == []
    assert linted(folder, EXPERIMENT, control_model=OwnArguments) != []


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything in a document."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place for key, value in items for place in ((*path, key), *places(value, (*path, key)))]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(st.sampled_from(places(EXPERIMENT)), values)
def test_whatever_stands_anywhere_lint_answers_with_findings(
    folder: Path, place: tuple[Any, ...], value: Any
) -> None:
    document = copy.deepcopy(EXPERIMENT)
    node: Any = document
    for part in place[:-1]:
        node = node[part]
    node[place[-1]] = value

    assert all(f.problem and f.severity in ("error", "warning") for f in linted(folder, document))
