"""A pipeline as a document: what is wrong with one is told in one line, and whatever it is nothing crashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from chaos.errors import DocumentError
from chaos.offline.graph import read_graph
from chaos.schemas import published
from tests.offline.graphs import ROWS, graph, package, written

SCRIPT = {"script": "prepare.py"}
SERVE = {"handler": "model", "payloads": "payloads"}


@pytest.mark.parametrize(
    ("nodes", "edges", "problem"),
    [
        ({}, [], "nodes: .*at least 1 item"),
        ({"a": SCRIPT, "b": SCRIPT}, [["a", "b"], ["b", "a"]], "edges: a cycle goes through a, b"),
        ({"a": SCRIPT}, [["a", "a"]], "a cycle goes through a"),
        (
            {"prepare": SCRIPT},
            [["prepare", "prepaer"]],
            "edges.0: there is no node 'prepaer' .did you mean 'prepare'",
        ),
        ({"a": {**SCRIPT, **SERVE}}, [], "nodes.a: a node is one of .*; this is script and handler"),
        ({"a": {"inputs": {}}}, [], "nodes.a: a node is one of .*; this is none"),
        ({"a": {**SCRIPT, "payloads": "payloads"}}, [], "nodes.a: 'payloads' does not go with 'script'"),
        ({"a": {**SERVE, "arguments": {}}}, [], "nodes.a: 'arguments' does not go with 'handler'"),
        ({"a": {"script": "none.py"}}, [], "nodes.a.script: there is no none.py"),
        ({"a": {**SERVE, "handler": "none"}}, [], "nodes.a.handler: there is no none"),
        ({"a": {**SERVE, "payloads": "none"}}, [], "nodes.a.payloads: there is no none"),
        ({"a": {**SERVE, "model": "payloads"}}, [], "nodes.a.model: a package has its model files in it"),
        ({"a": {**SCRIPT, "inputs": {"raw": "none.csv"}}}, [], "nodes.a.inputs.raw: there is no none.csv"),
        ({"a": {"handler": "model"}}, [], "nodes.a: it has no samples"),
        ({"a b": SCRIPT}, [], "nodes: 'a b' is no name for a node"),
        ({"a": {"scirpt": "x"}}, [], "unknown field 'scirpt' .did you mean 'script'"),
        ({"a": SCRIPT, "b": SCRIPT}, [["a"]], "edges.0: an edge is a pair of names"),
        ({"a": SCRIPT, "b": SCRIPT}, [{"from": "a"}], "edges.0: field 'to' is missing"),
        (
            {"a": SERVE, "b": SCRIPT},
            [{"from": "a", "to": "b", "output": "x"}],
            "a handler has no named outputs",
        ),
        ({"a": SCRIPT, "b": SERVE}, [{"from": "a", "to": "b", "input": "x"}], "a handler has no input 'x'"),
        (
            {"a": {**SCRIPT, "outputs": {"x": "", "y": ""}}, "b": SCRIPT},
            [["a", "b"]],
            "a -> b: a has the outputs x, y .name one",
        ),
        (
            {"a": SCRIPT, "b": SCRIPT, "c": SCRIPT},
            [["a", "c"], ["b", "c"]],
            "input 'data_output' of c would have 2",
        ),
    ],
)
def test_a_document_that_is_wrong(
    tmp_path: Path, nodes: dict[str, Any], edges: list[Any], problem: str
) -> None:
    package(tmp_path)
    written(tmp_path, prepare=ROWS)
    with pytest.raises(DocumentError, match=problem) as caught:
        read_graph(graph(tmp_path, nodes, edges))
    assert "pydantic" not in str(caught.value)


@pytest.mark.parametrize(
    ("edge", "fits"),
    [
        (["a", "b"], True),
        ({"from": "a", "to": "b", "output": "x", "input": "y"}, True),
        (["a"], False),
        ({"from": "a"}, False),
        ({"from": "a", "to": "b", "via": "c"}, False),
    ],
)
def test_the_published_schema_knows_both_forms_of_an_edge(edge: Any, fits: bool) -> None:
    document = {"nodes": {"a": SCRIPT, "b": SERVE}, "edges": [edge]}

    assert Draft202012Validator(published()["pipeline"]).is_valid(document) == fits


names = st.sampled_from(["a", "b", "c", "d"])
node_values = st.fixed_dictionaries(
    {},
    optional={
        "script": st.sampled_from(["prepare.py", "none.py", ""]),
        "handler": st.sampled_from(["model", "none"]),
        "command": st.lists(st.sampled_from(["true", "{input:x}"]), max_size=2),
        "inputs": st.dictionaries(names, st.sampled_from(["", "prepare.py", "\0"]), max_size=2),
        "payloads": st.sampled_from(["payloads", "none"]),
    },
)
edge_values = st.lists(names, max_size=3) | st.fixed_dictionaries(
    {"from": names, "to": names},
    optional={"output": names, "input": st.sampled_from(["a", "data", "handler"])},
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    st.dictionaries(names, node_values | st.sampled_from([SCRIPT, SERVE]), max_size=4),
    st.lists(edge_values | st.tuples(names, names).map(list), max_size=4),
)
def test_any_document_is_a_pipeline_or_a_document_error(
    tmp_path: Path, nodes: dict[str, Any], edges: list[Any]
) -> None:
    if not (tmp_path / "model").exists():
        package(tmp_path)
        written(tmp_path, prepare=ROWS)
    path = graph(tmp_path, nodes, edges)
    try:
        spec = read_graph(path)
    except DocumentError as caught:
        error = str(caught)
    else:
        error = ""
        assert set(spec.script_specs) | set(spec.inference_handlers) == set(nodes)
        levels = spec.dag.levels()
        places = {name: number for number, level in enumerate(levels) for name in level}
        assert set(places) == set(nodes)
        assert all(places[of] < places[to] for of, to in spec.dag.edges)
    assert "pydantic" not in error
