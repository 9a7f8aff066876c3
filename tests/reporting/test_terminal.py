"""While a run goes on: plain lines in CI, a live view on a terminal, and never an error into the run."""

from __future__ import annotations

import io
import logging
import os
import pty
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.history import Event
from chaos.reporting.live import LiveView, sparkline
from chaos.reporting.progress import Progress
from chaos.reporting.terminal import PlainView, SafeView, open_view
from chaos.sla.documents import ProbeDocument
from tests.reporting import histories, storms

PLANNED = {"warmup": 1.5, "baseline": 12.0, "recovery": 12.0}


def probes_of(events: list[Event]) -> list[ProbeDocument]:
    return [ProbeDocument.model_validate(probe) for probe in events[0]["probes"]]


def lines_of(events: list[Event]) -> list[str]:
    stream = io.StringIO()
    view = open_view(stream, probes_of(events), PLANNED)
    for event in events:
        view.event(event)
    view.close()
    return stream.getvalue().splitlines()


@contextmanager
def terminal() -> Iterator[tuple[io.TextIOWrapper, list[bytes]]]:
    """A pseudo-terminal, and what was written to it so far."""
    ours, theirs = pty.openpty()
    written: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(ours, 65536):
                written.append(data)
        except OSError:
            return

    reader = threading.Thread(target=read)
    reader.start()
    stream = os.fdopen(theirs, "w", encoding="utf-8")
    try:
        yield stream, written
    finally:
        stream.close()
        reader.join(timeout=10)
        os.close(ours)


@pytest.fixture
def a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "110")
    monkeypatch.setenv("LINES", "40")
    monkeypatch.delenv("CI", raising=False)


def test_plain_lines_say_each_phase_fault_and_guard() -> None:
    text = "\n".join(lines_of(histories.guarded()))

    for phase in ("warmup", "baseline", "fault", "recovery"):
        assert len(re.findall(rf"\] phase {phase}\b", text)) == 1
    assert "fault handler_dos on hostile intent: planned for 10 s" in text
    assert "fault handler_dos on hostile reverted: cut short" in text
    assert "guard of victim tripped: budget burns 27.5 times too fast" in text
    assert "problem: traffic worker" in text


def test_a_fault_that_was_not_reverted_is_loud() -> None:
    text = "\n".join(lines_of(storms.left_behind()))

    assert "fault process NOT REVERTED: send SIGCONT to pid 77" in text
    assert "fault oom on hungry reverted: as planned" in text


def test_plain_progress_comes_every_five_seconds() -> None:
    lines = [line for line in lines_of(histories.failing()) if "/s, p99 " in line]

    assert len(lines) == 2 + 2 + 2
    rate, errors = re.search(r"fault victim: ([\d.]+)/s, p99 .*, (\d+) errors", "\n".join(lines)).groups()  # type: ignore[union-attr]
    assert 30 < float(rate) < 75
    assert int(errors) > 20


def test_plain_lines_are_one_line_each_whatever_is_in_them() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    events = histories.hostile()
    view = open_view(stream, probes_of(events), PLANNED)
    for event in events:
        view.event(event)

    stream.flush()
    written = raw.getvalue()
    assert b"\x1b" not in written
    assert all(line.startswith(b"[") for line in written.splitlines())


@pytest.mark.parametrize(("name", "value"), [("CI", "true"), ("TERM", "dumb")])
def test_in_ci_and_on_a_dumb_terminal_lines_are_plain(
    name: str, value: str, a_terminal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with terminal() as (stream, written):
        view = open_view(stream, [], PLANNED)
        view.event({"kind": "phase", "at": 1.0, "phase": "baseline"})
        view.close()

    assert b"".join(written).strip().endswith(b"phase baseline, 12 s")


def test_the_live_view_shows_the_run_and_leaves_nothing(a_terminal: None) -> None:
    events = histories.failing()
    until = next(index for index, event in enumerate(events) if event.get("event") == "reverted")
    with terminal() as (stream, written):
        view = open_view(stream, probes_of(events), PLANNED)
        for event in events[:until]:
            view.event(event)
        assert isinstance(view, SafeView)
        live = view._view
        assert isinstance(live, LiveView)
        live._live.refresh()
        view.close()
        view.close()

    shown = b"".join(written).decode()
    assert "▶" in shown
    assert re.search("handler_dos on hostile: injected", shown)
    assert re.search(r"✗.* p99 latency ratio", shown)
    assert re.search("p99 latency ratio\\s+[\\d.]+\N{MULTIPLICATION SIGN}\\s+at most 3", shown)
    assert "timeout" in shown
    assert re.search("[▁▂▃▄▅▆▇█]{5}", shown)
    # The cursor is back, and the last thing done was to erase the view.
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l")
    assert shown.rstrip().endswith("\x1b[2K")


def test_log_lines_appear_whole_above_the_live_view(a_terminal: None) -> None:
    logger = logging.getLogger("chaostoolkit")
    with terminal() as (stream, written):
        handler = logging.StreamHandler(stream)
        logger.addHandler(handler)
        try:
            view = open_view(stream, probes_of(histories.passing()), PLANNED)
            assert handler.stream is not stream
            for number, event in enumerate(histories.passing()[:200]):
                view.event(event)
                if number % 20 == 0:
                    logger.warning(f"line-{number:04d}-whole")
            view.close()
            assert handler.stream is stream
            logger.warning("after")
        finally:
            logger.removeHandler(handler)

    screen = _screen(b"".join(written).decode())
    whole = [f"line-{number:04d}-whole" for number in range(0, 200, 20)]
    assert screen[:11] == [*whole, "after"]
    assert not any(screen[11:])


def _screen(written: str) -> list[str]:
    """What is left on a terminal: a small model of one that knows what rich uses."""
    lines, row = [""], 0
    for part in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", written):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\x1b[2K":
            lines[row] = ""
        elif match := re.fullmatch(r"\x1b\[(\d+)A", part):
            row = max(row - int(match[1]), 0)
        elif not part.startswith(("\x1b", "\r")):
            lines[row] += part
    return [line.rstrip() for line in lines]


def test_a_view_that_breaks_says_so_once_and_goes_dark(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []

    class Broken:
        def event(self, event: Event) -> None:
            raise BrokenPipeError("gone")

        def close(self) -> None:
            closed.append(True)
            raise ValueError("also gone")

    monkeypatch.setattr(logging.getLogger("chaostoolkit"), "propagate", True)
    view = SafeView(Broken())
    view.event({"kind": "phase", "at": 1.0})
    view.event({"kind": "phase", "at": 1.0})
    view.close()

    assert closed == [True]
    assert [record.message.split(": ")[1] for record in caplog.records] == [
        "BrokenPipeError('gone')",
        "ValueError('also gone')",
    ]


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["kind", "at", "phase", "streams", "event"]), st.none() | st.text())
    )
)
def test_no_event_raises_into_the_run(events: list[Event]) -> None:
    logging.getLogger("chaostoolkit").addHandler(silent := logging.NullHandler())
    view = SafeView(PlainView(io.StringIO(), Progress([], PLANNED)))
    for event in events:
        view.event(event)
    view.close()
    logging.getLogger("chaostoolkit").removeHandler(silent)


@given(st.lists(st.none() | st.floats(min_value=0, max_value=1e6)))
def test_a_sparkline_has_a_bar_for_each_value(values: list[float | None]) -> None:
    drawn = sparkline(values)

    assert len(drawn) in (0, len(values))
    assert all((bar == " ") == (not value) for bar, value in zip(drawn, values, strict=False))


def test_stdout_that_is_no_terminal_is_left_alone(a_terminal: None) -> None:
    before = sys.stdout
    with terminal() as (stream, _written):
        view = open_view(stream, [], PLANNED)
        during = sys.stdout
        view.close()

    assert during is before
