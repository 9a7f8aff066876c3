"""While it goes on: a board on a terminal, plain lines elsewhere, and how long the rest takes."""

from __future__ import annotations

import io
import re

import pytest

from chaos.history import Event
from chaos.properties.table import Cell
from chaos.reporting.matrix.board import open_board
from chaos.reporting.matrix.progress import Progress
from chaos.reporting.matrix.trials import TrialProgress, open_trials
from tests.reporting.matrix.boards import EVENTS
from tests.reporting.test_terminal import a_terminal, terminal

__all__ = ["a_terminal"]

TRIALS: list[Event] = [
    {"kind": "calibrate", "at": 0.0, "trials": [["correct-01", 4], ["shared_queue-01", 1], ["shared_queue-02", 1]]},
    {"kind": "trial", "at": 0.0, "name": "correct-01", "cells": []},
    {
        "kind": "tried", "at": 40.0, "name": "correct-01", "defect": "",
        "cells": [["list:A", "pass", "fine"], ["list:B", "fail", "slow"]],
    },
    {"kind": "trial", "at": 40.0, "name": "shared_queue-01", "cells": []},
    {
        "kind": "tried", "at": 46.0, "name": "shared_queue-01", "defect": "shared_queue",
        "cells": [["inference:C", "fail", "slow"]],
    },
    {"kind": "problem", "at": 46.5, "text": "it broke"},
]  # fmt: skip


def lines(events: list[Event]) -> list[str]:
    stream = io.StringIO()
    view = open_board(stream)
    for event in events:
        view.event(event)
    view.close()
    return stream.getvalue().splitlines()


def test_plain_lines() -> None:
    found = lines(EVENTS)

    assert "3 cells on embedded, seed 42, defects shared_queue" in found[0]
    assert "list:A: measuring" in found[1]
    assert "✗ list:A fail (4.9 s)" in found[2]
    assert "health:B, list:B: measuring (about 10 s left)" in found[4]
    assert len(found) == 5
    assert not any(char in line for line in found for char in "\x07\ud800")


@pytest.mark.usefixtures("a_terminal")
def test_the_board_shows_each_cell_and_stays_at_the_end() -> None:
    with terminal() as (stream, written):
        view = open_board(stream)
        for event in EVENTS:
            view.event(event)
        view.close()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(written).decode())

    for words in ("list models", "custom model handlers", "✗", "1 of 3 measured", "seed 42"):
        assert words in text
    assert "\x07" not in text


def test_the_rest_takes_as_long_as_its_like_did() -> None:
    progress = Progress()
    for event in EVENTS:
        progress.feed(event)

    assert progress.running == (Cell("health", "B"), Cell("list", "B"))
    assert progress.left(107.0) == pytest.approx(10.0)
    assert progress.left(110.0) == pytest.approx(7.0)
    assert progress.left(1000.0) == 0.0
    assert Progress().left(0.0) is None


def test_trials_are_counted_and_what_is_odd_is_said() -> None:
    progress = TrialProgress()
    for event in TRIALS:
        progress.feed(event)

    assert progress.left(46.0) == pytest.approx(6.0)
    assert progress.odd == ["correct-01 list:B ✗ fail: slow", "it broke"]
    stream = io.StringIO()
    view = open_trials(stream)
    for event in TRIALS:
        view.event(event)
    assert "1 of 3: correct-01: list:A ✓, list:B ✗, about 20 s left" in stream.getvalue()
    assert "problem: it broke" in stream.getvalue()


@pytest.mark.usefixtures("a_terminal")
def test_trials_on_a_terminal() -> None:
    with terminal() as (stream, written):
        view = open_trials(stream)
        for event in TRIALS:
            view.event(event)
        view.close()

    assert b"2 of 3 trials" in b"".join(written)
