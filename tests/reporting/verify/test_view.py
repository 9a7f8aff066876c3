"""While it goes on: its course on a terminal, a line now and then elsewhere, and how long the rest takes."""

from __future__ import annotations

import io
import re

import pytest

from chaos.history import Event
from chaos.reporting.verify.progress import Progress
from chaos.reporting.verify.view import open_search
from tests.reporting.test_terminal import a_terminal, terminal
from tests.reporting.verify.searches import START, example, failing, hostile, not_again, opened, passing

__all__ = ["a_terminal"]


def lines(events: list[Event]) -> list[str]:
    stream = io.StringIO()
    view = open_search(stream)
    for event in events:
        view.event(event)
    view.close()
    return stream.getvalue().splitlines()


def test_plain_lines_of_a_failure() -> None:
    text = "\n".join(found := lines(failing()))

    assert "4 programs on embedded, seed 42, defects scale_lost" in found[0]
    assert "program 3 of 9 operations and faults failed" in text
    assert "linearizability failed: running that program again" in text
    assert "✗ linearizability: the smallest program found fails 4 of 5 times" in text
    assert "    3. at once: (a) scale a to 3; (b) scale a to 4, then list; (c) infer a for 300 ms" in text
    assert "kept as counterexample.json" in text
    assert "3 of 4 programs, 24 operations (16.0 operations/s)" in found[-1]
    assert found[-1].endswith("completed")


def test_plain_lines_of_what_did_not_come_again_and_of_a_problem() -> None:
    assert "did not when it was run again, 5 times" in "\n".join(lines(not_again()))
    found = lines(hostile())
    assert any("problem: " in line for line in found)
    assert not any(char in line for line in found for char in "\x00\x1b\ud800")


def test_a_line_for_each_tenth_or_ten_seconds() -> None:
    quick = [opened(examples=100)] + [example(number, START + number / 10) for number in range(1, 101)]
    assert len(lines(quick)) == 1 + 10

    slow = [opened(examples=1000)] + [example(number, START + 4 * number) for number in range(1, 21)]
    assert len(lines(slow)) == 1 + 6
    assert re.search(r"about 65 min \d+ s left", lines(slow)[-1])


def test_shrinking_is_told_every_ten_seconds() -> None:
    tries = [{"kind": "shrinking", "at": START + number, "runs": number, "size": 5} for number in range(40)]
    found = lines([opened(), *tries])

    assert len(found) == 1 + 3
    assert "making it smaller: 10 runs, the last of size 5" in found[1]


def test_the_rest_takes_as_long_as_it_did_so_far() -> None:
    progress = Progress()
    assert progress.left(0.0) is None
    for event in [opened(examples=10), example(1, START + 2), example(2, START + 4, unknown=["x"])]:
        progress.feed(event)

    assert progress.left(START + 4) == pytest.approx(16.0)
    assert progress.left(START + 14) == pytest.approx(6.0)
    assert progress.left(START + 100) == 0.0
    assert (progress.operations, progress.rate, len(progress.points), progress.unknown) == (16, 16.0, 6, 1)
    progress.feed({"kind": "confirming", "at": START + 5, "check": "drain", "program": []})
    assert progress.left(START + 5) is None


def test_time_does_not_go_back_for_what_is_told_late() -> None:
    progress = Progress()
    for event in failing():
        progress.feed(event)
    before = progress.now
    progress.feed({"kind": "call", "at": START})

    assert progress.now == before


@pytest.mark.usefixtures("a_terminal")
@pytest.mark.parametrize("events", [passing(), failing(), hostile(), failing()[:-2]])
def test_on_a_terminal(events: list[Event]) -> None:
    with terminal() as (stream, written):
        view = open_search(stream)
        for event in events:
            view.event(event)
        view.close()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(written).decode())

    assert re.search(r"\d of 4 programs, .* gone", text)
    assert "points of coverage" in text
    assert "seed 42" in text
    assert "\x00" not in text
    if events == failing():
        assert "5. describe a" in text
