"""On a terminal and in plain lines: the steps while they go on, and what was found at last."""

from __future__ import annotations

import io
from typing import Any

import pytest

from chaos.reporting.handler import view as views
from chaos.reporting.handler.table import print_result
from chaos.reporting.handler.view import open_steps, step_event
from tests.reporting.handler import results
from tests.reporting.test_terminal import a_terminal, terminal

__all__ = ["a_terminal"]


def printed(result: Any) -> list[str]:
    stream = io.StringIO()
    print_result(stream, result)
    return stream.getvalue().splitlines()


def test_plain_lines_of_a_result() -> None:
    lines = printed(results.failing())

    assert lines[0] == "✓ load         model_fn gave a float."
    assert lines[1].startswith("✗ input_fn     1 of 2 calls raised: KeyError")
    assert lines[3].startswith("? determinism")
    assert lines[-2].startswith("median times: input_fn ")
    assert lines[-1].startswith("verdict: fail. It is not fit to be deployed. input_fn does not hold: ")


def test_plain_lines_of_a_script_and_of_a_graph() -> None:
    assert printed(results.compatible())[2].startswith(
        "\N{EN DASH} out/part-0.csv  as application/json: JSONDecodeError"
    )
    assert printed(results.compatible(False))[1].startswith("✗ out/part-0.csv  as text/csv: ValueError")
    assert printed(results.pipeline())[-2].startswith("✗ iris -> scoring-of-all-the-customers  ")


@pytest.mark.parametrize("result", [results.hostile(), results.broken()], ids=["hostile", "broken"])
def test_texts_of_others_do_not_move_the_cursor(result: Any) -> None:
    assert not any(char in line for line in printed(result) for char in "\x00\x1b\ud800")


@pytest.mark.usefixtures("a_terminal")
def test_a_terminal_gets_a_table() -> None:
    with terminal() as (stream, said):
        print_result(stream, results.failing())
        print_result(stream, results.hostile())
        stream.flush()
    text = b"".join(said).decode()

    assert "model_fn gave a float." in text
    assert "verdict: fail." in text
    assert "<script>" in text
    assert "\ufffd[31m\ufffd" in text


def steps() -> list[dict[str, Any]]:
    found = [step_event("load", 0, 1), step_event("load", 1, 1, "model_fn gave a float")]
    return [*found, *(step_event("samples", number, 40, f"sample {number}") for number in range(41))]


def test_plain_lines_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    view = open_steps(stream)
    for event in steps():
        view.event(event)
    view.close()
    lines = [line.split("] ", 1)[1] for line in stream.getvalue().splitlines()]

    assert lines == [
        "load",
        "load (model_fn gave a float)",
        "samples: 0 of 40 (sample 0)",
        "samples: 40 of 40 (sample 40)",
    ]

    monkeypatch.setattr(views, "LINE_SECONDS", 0.0)
    often = io.StringIO()
    view = open_steps(often)
    for event in steps():
        view.event(event)
    assert len(often.getvalue().splitlines()) == 2 + 41


@pytest.mark.usefixtures("a_terminal")
def test_a_terminal_gets_bars() -> None:
    with terminal() as (stream, said):
        view = open_steps(stream)
        for event in [*steps(), step_event("generated", 0, 0, results.HOSTILE[-8:])]:
            view.event(event)
        view.close()
        view.close()
        stream.flush()
    text = b"".join(said).decode()

    assert "samples" in text
    assert "40 of 40" in text
    assert "generated" in text
    assert "\ufffd[31m\ufffd" in text
