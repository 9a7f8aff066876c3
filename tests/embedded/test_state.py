"""The state file: replaced as one, and never by an older state."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from chaos.embedded.models import ModelSettings
from chaos.embedded.state import MeantModel, StateFile

pytestmark = pytest.mark.anyio


def meant(name: str, desired: int = 1) -> MeantModel:
    return MeantModel(ModelSettings(name, Path("/packages/echo"), "echo.mar", 7, 50), 1, 4, desired)


async def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    assert StateFile(path).load() == []
    models = [meant("a"), meant("grün", 3)]
    await StateFile(path).save(lambda: models)

    assert StateFile(path).load() == models
    assert os.listdir(tmp_path) == ["models.json"]


async def test_the_newest_wins_when_many_save_at_once(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    state = StateFile(path)
    current: list[MeantModel] = []

    async def change(number: int) -> None:
        current.append(meant(f"m{number}"))
        await state.save(lambda: list(current))

    async with asyncio.TaskGroup() as tasks:
        for number in range(20):
            tasks.create_task(change(number))

    assert StateFile(path).load() == current


async def test_it_is_on_disk_before_it_takes_the_old_ones_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "models.json"
    state = StateFile(path)
    await state.save(lambda: [meant("old")])
    steps: list[str] = []
    sync, replace = os.fsync, os.replace

    def noted_sync(descriptor: int) -> None:
        steps.append("sync")
        sync(descriptor)

    def noted_replace(old: Path, new: Path) -> None:
        steps.append("replace")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "replace", noted_replace)
    await state.save(lambda: [meant("new")])
    assert steps == ["sync", "replace", "sync"]
    await state.save(lambda: [meant("new")])

    assert len(steps) == 3, "what is saved already is not saved again"


async def test_a_disk_that_fails_is_told_and_nothing_stops(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = StateFile(tmp_path / "nowhere" / "models.json")
    await state.save(lambda: [meant("a")])

    assert "cannot be saved" in capsys.readouterr().err
