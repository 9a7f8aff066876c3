"""The plots: the first call apart from warm ones, the middle of these, and the slope as it was measured."""

from __future__ import annotations

import pytest

from chaos.offline.results import MemoryPoint
from chaos.reporting.handler.graph import drawn
from chaos.reporting.handler.memory import memory_figure, slope_of
from chaos.reporting.handler.rows import function_rows, sample_rows
from chaos.reporting.handler.times import WHOLE, times_figure, times_of
from tests.reporting.handler import results


def test_the_first_call_is_apart_and_only_answers_count() -> None:
    times = {each.function: each for each in times_of(results.failing())}

    assert list(times) == ["input_fn", "predict_fn", "output_fn", WHOLE]
    # one.json was answered four times, the first of them the process's first; three.json once
    assert len(times["predict_fn"].first) == 1
    assert len(times["predict_fn"].warm) == 4
    median, p95 = times["predict_fn"].median, times["predict_fn"].p95
    assert median is not None
    assert p95 is not None
    assert min(times["predict_fn"].warm) <= median <= p95 <= max(times["predict_fn"].warm)
    assert times["predict_fn"].slowest == times["predict_fn"].first[0]


def test_a_box_needs_more_than_a_few_points() -> None:
    few, many = times_figure(times_of(results.failing())), times_figure(times_of(results.passing()))

    assert [trace["type"] for trace in few["data"]] == ["scatter", "scatter"]
    assert [trace["type"] for trace in many["data"]].count("box") == 4
    assert many["layout"]["yaxis"]["ticktext"][0] == "model_fn"
    low, high = many["layout"]["yaxis"]["range"]
    for trace in many["data"]:
        assert all(high <= value <= low for value in trace["y"])


def test_the_slope_goes_through_the_middle_of_the_last_phase() -> None:
    found = results.failing()
    figure = memory_figure(found.memory, slope_of(found))
    interval, held, slope = figure["data"]
    mebibytes_a_call = (slope["y"][1] - slope["y"][0]) / (slope["x"][1] - slope["x"][0])

    assert mebibytes_a_call * 2**20 == pytest.approx(262_200, rel=1e-3)
    assert slope["x"] == [40 + 60, held["x"][-1]]
    assert slope["name"] == "slope: 256 KiB a call"
    assert min(interval["y"]) <= min(slope["y"]) < max(slope["y"]) <= max(interval["y"])
    assert [note["text"] for note in figure["layout"]["annotations"]] == ["samples", "leak"]


def test_noise_does_not_look_like_growth() -> None:
    level = tuple(MemoryPoint(calls=number, resident=(100 << 20) + number % 2) for number in range(20))
    low, high = memory_figure(level, None)["layout"]["yaxis"]["range"]

    assert high - low >= 10
    assert low < 100 < high
    lone = memory_figure((MemoryPoint(calls=0, resident=0),), None)
    assert lone["layout"]["yaxis"]["range"][0] == 0


def test_samples_and_functions_are_folded_to_rows() -> None:
    found = results.failing()
    rows = sample_rows(found.end_to_end_results)
    (function,) = function_rows(found)

    assert [row.shown.sample for row in rows] == ["two.json", "three.json", "one.json"]
    assert [row.success for row in rows] == [False, False, True]
    assert [row.said for row in rows] == [
        "raised an error, 4 times",
        "answered, and should have been refused",
        "answered, 4 times",
    ]
    assert function.ended == "1 answered, 1 raised an error"
    assert [call.sample for call in function.wrong] == ["two.json"]
    mixed = sample_rows([results.run("a"), results.run("a", outcome="raised")])
    assert mixed[0].said == "raised an error, 1 of 2 times"
    refused = sample_rows([results.run("a", outcome="refused", success=True, expected=False)])
    assert refused[0].said == "refused, as expected"


def test_nodes_of_a_level_stand_below_each_other_and_edges_go_on() -> None:
    picture = drawn(results.pipeline())
    by = {node.name: node for node in picture.nodes}

    assert by["prepare"].x == by["enrich"].x < by["iris"].x
    assert by["prepare"].y < by["iris"].y < by["enrich"].y
    assert max(node.x + picture.box[0] for node in picture.nodes) <= picture.width
    assert max(node.y + picture.box[1] for node in picture.nodes) <= picture.height
    # an edge of which one end is no node is not drawn
    assert len(drawn(results.broken()).edges) == 1
