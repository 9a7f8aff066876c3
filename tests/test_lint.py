"""Each thing that Chaos Toolkit lets through is found, where it is, and with the remedy."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from chaos.lint import Finding, lint_file

Document = dict[str, Any]

PROBE: Document = {
    "name": "victim",
    "model": "victim",
    "payload": {},
    "schedule": {"rate": 10},
    "objectives": [{"sli": "availability", "at_least": 0.99}],
}
EXPERIMENT: Document = {
    "title": "t",
    "description": "d",
    "configuration": {
        "seed": "",
        "rate": 60,
        "seconds": 12,
        "host": {"type": "env", "key": "HOST", "default": "embedded"},
        "later": {"type": "env", "key": "LATER"},
    },
    "secrets": {"vault": {"token": {"type": "env", "key": "TOKEN"}}},
    "controls": [
        {
            "name": "serving",
            "provider": {
                "type": "python",
                "module": "chaos.control",
                "arguments": {
                    "target": "${host}",
                    "seed": "${seed}",
                    "models": [{"name": "victim", "package": "echo"}],
                    "probes": [{"file": "victim", "rate": "${rate}"}],
                    "seconds": {"baseline": "${seconds}"},
                },
            },
        }
    ],
    "steady-state-hypothesis": {
        "title": "h",
        "probes": [
            {
                "type": "probe",
                "name": "holds",
                "tolerance": True,
                "provider": {"type": "python", "module": "chaos.probes", "func": "objectives_hold"},
            }
        ],
    },
    "method": [
        {
            "type": "action",
            "name": "strike",
            "provider": {
                "type": "python",
                "module": "chaos.actions",
                "func": "inject",
                "arguments": {
                    "fault": "handler_dos",
                    "model": "hostile",
                    "mode": "burn",
                    "seconds": "${seconds}",
                },
            },
        },
        {
            "type": "action",
            "name": "shell",
            "background": True,
            "provider": {"type": "process", "path": "sh", "arguments": "-c 'echo ${HOME}'"},
        },
        {
            "type": "probe",
            "name": "web",
            "provider": {"type": "http", "url": "http://127.0.0.1:1/", "timeout": 1},
        },
    ],
    "rollbacks": [
        {"ref": "strike"},
        {
            "type": "action",
            "name": "undo",
            "provider": {"type": "python", "module": "chaos.actions", "func": "revert_faults"},
        },
    ],
    "runtime": {"hypothesis": {"strategy": "default"}, "rollbacks": {"strategy": "always"}},
}
MODULE = """
async def awaited(): ...
async def generated(): yield
def takes(one, two=2): ...
def anything(**arguments): ...
def told(configuration, secrets): ...
value = 7
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a probe, and a module of the user's own that can be imported."""
    for name in ("experiments", "probes", "modules"):
        (tmp_path / name).mkdir()
    (tmp_path / "probes/victim.json").write_text(json.dumps(PROBE), encoding="utf-8")
    (tmp_path / "modules/users_module.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "modules/broken_module.py").write_text("1 / 0", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "experiments"


def linted(folder: Path, document: Any, **options: Any) -> list[Finding]:
    """The findings of a document; their places are without the file."""
    path = folder / "experiment.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return [
        Finding(f.place.removeprefix(str(path)).removeprefix(": "), f.problem, f.remedy, f.severity)
        for f in lint_file(path, **options)
    ]


def changed(path: str, value: Any) -> Document:
    """The experiment with one place of it changed; ``…`` takes it out."""
    document = copy.deepcopy(EXPERIMENT)
    *way, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    node: Any = document
    for part in way:
        node = node[part]
    if value is ...:
        del node[last]
    elif isinstance(node, list) and last == len(node):
        node.append(value)
    else:
        node[last] = value
    return document


def python(func: str, module: str = "users_module", **arguments: Any) -> Document:
    """An activity of the user's own."""
    provider = {"type": "python", "module": module, "func": func, "arguments": arguments}
    return {"type": "action", "name": "own", "provider": provider}


def test_an_experiment_in_order_has_no_findings(folder: Path) -> None:
    assert linted(folder, EXPERIMENT) == []
    assert linted(folder, changed("method/3", python("takes", one=1))) == []
    assert linted(folder, changed("method/3", python("anything", whatever="${token}"))) == []


ARGUMENTS = "controls/0/provider/arguments"


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


def measuring(**arguments: Any) -> Document:
    """An activity that measures a property."""
    return python("measure", "chaos.actions", **arguments)


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


def test_a_broken_probe_file_is_found_through_the_experiment_and_by_itself(folder: Path) -> None:
    path = folder.parent / "probes/victim.json"
    path.write_text(json.dumps({**PROBE, "modle": "x", "objectives": [{"sli": "speed"}]}), encoding="utf-8")

    assert "victim.json" in linted(folder, EXPERIMENT)[0].place
    assert {f.place.removeprefix(f"{path}: ") for f in lint_file(path)} == {"objectives.0.sli", "modle"}


def test_a_probe_file_in_order_has_no_findings(folder: Path) -> None:
    assert lint_file(folder.parent / "probes/victim.json") == []


@pytest.mark.parametrize("document", [[], {}, 7, None, "x", {"nodes": []}, [{"method": []}]])
def test_what_is_neither_experiment_nor_probe_is_an_error(document: Any, folder: Path) -> None:
    assert "neither an experiment nor a probe file" in linted(folder, document)[0].problem


def test_broken_json_and_missing_files_are_findings(folder: Path) -> None:
    path = folder / "broken.json"
    path.write_text('{\n  "title": oops}', encoding="utf-8")

    assert [str(f) for f in lint_file(path)] == [f"{path}:2:12: not JSON: Expecting value (mend it there)"]
    assert "cannot be read" in lint_file(str(folder / "nobody.json"))[0].problem


def test_a_yaml_experiment_is_linted_as_well(folder: Path) -> None:
    path = folder / "experiment.yaml"
    path.write_text(
        "title: t\ndescription: d\nmethod: []\nruntime: {rollbacks: {strategy: alwayz}}\n", encoding="utf-8"
    )

    assert [f.remedy for f in lint_file(path)] == ["did you mean 'always'?"]


def test_an_address_is_not_checked_and_says_so() -> None:
    assert [f.severity for f in lint_file("https://example.org/experiment.json")] == ["warning"]


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


def test_the_shipped_experiment_and_probe_have_no_findings() -> None:
    root = Path(__file__).parent.parent
    for path in [*root.glob("experiments/*.json"), *root.glob("probes/*.json")]:
        assert [str(f) for f in lint_file(path)] == []
