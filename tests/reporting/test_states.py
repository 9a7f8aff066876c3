"""What the platform ran is drawn from changes only, with deaths and cut links where they were."""

from __future__ import annotations

import copy
import json
import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chaos.analysis import analyse
from chaos.history import Event
from chaos.reporting.axes import Figure
from chaos.reporting.series import make_series
from chaos.reporting.states import MAX_LINKS, States, make_states, state_figures
from tests.checks.stories import START as ZERO
from tests.checks.stories import model, run, state
from tests.reporting import histories, storms

LONG = 3000


def states_of(events: list[Event]) -> States:
    return make_states(events, histories.START)


def figures(events: list[Event]) -> dict[str, Figure]:
    return state_figures(make_series(events, analyse(events)), states_of(events))


def test_workers_and_deaths_are_where_they_were() -> None:
    hungry, iris = states_of(storms.storm()).models
    lines = {line.name: dict(zip(line.at, line.values, strict=True)) for line in hungry.lines}

    assert lines["asked for"] == {2.0: 2, 36.9: 2}
    assert lines["alive"] == lines["ready"] == {2.0: 2, 16.5: 1, 18.2: 2, 36.9: 2}
    assert [(death.at, death.told) for death in hungry.deaths] == [(16.5, "pid 21: OOMKilled by the kernel")]
    assert iris.model == "iris"


def test_a_cut_link_is_shown_from_down_to_up() -> None:
    found = states_of(storms.storm())

    assert found.links == ("manager", "replica-iris-0")
    assert [(cut.link, cut.start, cut.end) for cut in found.cuts] == [("manager", 14.3, 20.4)]


def test_a_link_that_is_down_to_the_end_is_shown_and_one_that_is_gone_is_not_down() -> None:
    looks = [
        state(10, links=[("a", "", True), ("b", "", False)]),
        state(11, links=[("a", "", False), ("b", "", False)]),
        state(12, links=None, error="it is being replaced"),
        state(13, links=[("a", "", False)]),
    ]
    found = make_states([run(), *looks], ZERO)

    assert {(cut.link, cut.start, cut.end) for cut in found.cuts} == {("a", 11.0, 13.0), ("b", 10.0, 13.0)}


def test_of_many_links_those_that_were_cut_are_shown() -> None:
    names = [f"replica-iris-{number}" for number in range(100)]
    looks = [
        state(at, links=[(name, "iris", name != names[77] or at > 11) for name in names])
        for at in (10, 11, 12)
    ]
    found = make_states([run(), *looks], ZERO)

    assert len(found.links) == MAX_LINKS
    assert found.links[0] == names[77]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_no_change_is_lost(numbers: list[int]) -> None:
    looks = [state(float(at), iris=model(2, range(number))) for at, number in enumerate(numbers)]
    (line,) = [line for line in make_states([run(), *looks], ZERO).models[0].lines if line.name == "alive"]

    kept = dict(zip(line.at, line.values, strict=True))
    drawn = [kept[max(at for at in kept if at <= look)] for look in range(len(numbers))]
    assert drawn == numbers
    assert len(kept) <= 2 + sum(now != later for now, later in pairwise(numbers))


def test_a_long_run_stays_small() -> None:
    looks = [state(float(at), iris=model(2, [1, 2])) for at in range(LONG)]

    assert all(len(line.at) == 2 for line in make_states([run(), *looks], ZERO).models[0].lines)


def test_figures_line_up_with_the_others_and_shade_the_faults() -> None:
    for figure in figures(storms.storm()).values():
        latency = make_series(storms.storm(), analyse(storms.storm()))
        assert figure["layout"]["xaxis"]["range"] == [0, round(latency.seconds, 2)]
        assert len([shape for shape in figure["layout"]["shapes"] if shape["type"] == "rect"]) == 3
    assert set(figures(storms.storm())) == {"state-0", "state-1", "links"}


def test_a_history_without_states_has_no_figures() -> None:
    assert figures(histories.passing()) == {}


def test_names_are_escaped_and_figures_are_json() -> None:
    text = json.dumps(figures(storms.hostile_storm()), allow_nan=False, ensure_ascii=False)

    assert all(char.isprintable() for char in text)
    assert "onerror" in text
    assert not re.search(r"<(?!/?b>|br>|extra>|/extra>)", text)


def test_states_do_not_change_the_history() -> None:
    events = copy.deepcopy(storms.storm())
    states_of(events)

    assert events == storms.storm()
