"""The spec of a worker survives its way through the pipe, and nothing else is taken for one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.traffic.spec import Arrivals, HttpRequest, Outcome, Stream, WorkerSpec

numbers = st.floats(allow_nan=False)
streams = st.builds(
    Stream,
    name=st.text(),
    request=st.builds(
        HttpRequest,
        url=st.text(),
        method=st.text(),
        headers=st.lists(st.tuples(st.text(), st.text()), max_size=3).map(tuple),
        body=st.binary(),
        verify_tls=st.booleans(),
        expect=st.lists(st.integers(200, 599), max_size=3).map(tuple),
    ),
    arrivals=st.builds(
        Arrivals,
        kind=st.sampled_from(["constant", "poisson", "ramp", "burst", "users"]),
        rate=numbers,
        to_rate=numbers,
        seconds=numbers,
        users=st.integers(),
    ),
    timeout=numbers,
    seed=st.integers(),
    max_connections=st.integers(),
    paused=st.booleans(),
    each=st.booleans(),
)
specs = st.builds(
    WorkerSpec,
    worker=st.text(),
    streams=st.lists(streams, max_size=4).map(tuple),
    frame_seconds=numbers,
    null_rate=numbers,
    measures=st.booleans(),
)


@given(specs)
def test_it_is_read_back_as_it_was_written(spec: WorkerSpec) -> None:
    line = spec.to_json()
    assert "\n" not in line
    assert WorkerSpec.from_json(line) == spec


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("streams"), inner),
    max_leaves=10,
)


@given(json_values.map(json.dumps) | st.text() | st.binary())
def test_anything_else_is_a_value_error(line: str | bytes) -> None:
    try:
        spec = WorkerSpec.from_json(line)
    except ValueError:
        return
    pytest.fail(f"taken for a spec: {spec}")


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_label(outcome: Outcome) -> None:
    assert outcome.label
