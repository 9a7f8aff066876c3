"""All four files are there, whole, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chaos.analysis import analyse
from chaos.history import HistoryWriter, read_history
from chaos.reporting.write import write_reports
from tests.reporting import histories

NAMES = ["summary.json", "report.html", "report.md", "junit.xml"]


@pytest.mark.parametrize("history", ["passing", "broken_off", "empty", "hostile"])
def test_a_history_from_disk_gives_all_reports(history: str, tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path)
    for event in getattr(histories, history)():
        writer.append(**event)
    writer.close()
    events = read_history(tmp_path)
    summary = analyse(events)

    paths = write_reports(tmp_path, events, summary)

    assert [path.name for path in paths] == NAMES
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*NAMES, "history.jsonl"])
    assert json.loads(paths[0].read_text())["verdict"] == summary.verdict.value


def test_writing_again_gives_the_same(tmp_path: Path) -> None:
    events = histories.failing()
    before = [path.read_bytes() for path in write_reports(tmp_path, events, analyse(events))]

    assert [path.read_bytes() for path in write_reports(tmp_path, events, analyse(events))] == before


def test_what_was_there_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = histories.passing()
    before = {path.name: path.read_bytes() for path in write_reports(tmp_path, events, analyse(events))}

    def full(_path: Path, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        write_reports(tmp_path, events, analyse(events))
    monkeypatch.undo()

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
