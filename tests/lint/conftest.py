"""A project whose experiments are linted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.lint.experiments import MODULE, PROBE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a probe, and a module of the user's own that can be imported."""
    for name in ("experiments", "probes", "modules"):
        (tmp_path / name).mkdir()
    (tmp_path / "probes/victim.json").write_text(json.dumps(PROBE), encoding="utf-8")
    (tmp_path / "modules/users_module.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "modules/broken_module.py").write_text("1 / 0", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "experiments"
