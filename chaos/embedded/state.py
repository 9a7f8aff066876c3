"""What models there are meant to be, on disk: a manager that takes over from a dead one serves them again."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chaos.embedded.models import ModelSettings

__all__ = ["MeantModel", "StateFile"]


@dataclass(frozen=True, slots=True)
class MeantModel:
    """One model as it is meant to be."""

    settings: ModelSettings
    min_workers: int
    max_workers: int
    desired: int


class StateFile:
    """The file, replaced as one at each change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saving = asyncio.Lock()
        self._saved = ""

    def load(self) -> list[MeantModel]:
        """What was saved last; nothing if nothing was."""
        try:
            self._saved = self._path.read_text("utf-8")
        except FileNotFoundError:
            return []
        return [_meant(entry) for entry in json.loads(self._saved)]

    async def save(self, models: Callable[[], Iterable[MeantModel]]) -> None:
        """Return when what there is now is on disk. A disk that fails is told in the log; what runs is served on.

        :param models: asked when nothing else is being saved, so that an older state never overwrites a newer one
        """
        async with self._saving:
            text = json.dumps([asdict(model) for model in models()], default=str)
            if text == self._saved:
                return
            try:
                await asyncio.to_thread(_replace, self._path, text)
                self._saved = text
            except OSError as error:
                sys.stderr.write(f"the state cannot be saved: {error} (a new manager would not know of it)\n")


def _meant(entry: dict[str, Any]) -> MeantModel:
    settings = entry["settings"]
    named = ModelSettings(**{**settings, "package": Path(settings["package"])})
    return MeantModel(**{**entry, "settings": named})


def _replace(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    with open(fresh, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
