"""Each fault is shaded from in force to reverted, and told from those beside it."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.analysis import analyse
from chaos.recording import FaultInterval
from chaos.reporting.shades import COLOURS, MOST, shades_of
from tests.reporting import histories

SUMMARY = analyse(histories.passing())
END = 40.0


def fault(name: str, injected: float | None, reverted: float | None, **arguments: object) -> FaultInterval:
    """A fault by seconds since the start."""
    start = SUMMARY.start
    since = None if injected is None else start + injected
    until = None if reverted is None else start + reverted
    return FaultInterval(f"{name}-{injected}", name, "", dict(arguments), start, since, until)


def test_true_intervals_and_only_of_what_was_in_force() -> None:
    faults = (fault("a", 10, 12.5), fault("b", None, 11), fault("c", 30, None))
    shades = shades_of(dataclasses.replace(SUMMARY, faults=faults), END)

    assert [shade.id for shade in shades] == ["a-10", "c-30"]
    assert [shade.start for shade in shades] == pytest.approx([10, 30])
    assert [shade.end for shade in shades] == pytest.approx([12.5, END])


def test_the_same_fault_again_has_the_same_colour() -> None:
    faults = (fault("a", 1, 2, mode="x"), fault("a", 10, 12, mode="y"), fault("a", 20, 22, mode="x"))
    shades = shades_of(dataclasses.replace(SUMMARY, faults=faults), END)

    assert [shade.colour for shade in shades] == [0, 1, 0]
    assert [shade.label for shade in shades] == ["a: x", "a: y", "a: x"]


intervals = st.tuples(st.floats(0, 39), st.floats(0.01, 20), st.sampled_from(["a", "b", "long " * 20, "d"]))


@given(st.lists(intervals, max_size=12))
def test_what_meets_in_time_never_shares_a_lane(given: list[tuple[float, float, str]]) -> None:
    faults = tuple(fault(name, start, min(start + seconds, END)) for start, seconds, name in given)
    shades = shades_of(dataclasses.replace(SUMMARY, faults=faults), END)

    assert len(shades) == len(faults)
    for index, one in enumerate(shades):
        assert one.colour < COLOURS
        assert len(one.label) <= MOST
        for other in shades[index + 1 :]:
            assert one.lane != other.lane or one.end <= other.start + 1e-6 or other.end <= one.start + 1e-6
