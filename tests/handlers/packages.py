"""Packages that a test writes, and the whole of an answer."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from chaos.handlers.package import Handler


def package(directory: Path, code: str, name: str = "mine") -> Path:
    source = directory / name / "code" / "inference.py"
    source.parent.mkdir(parents=True)
    source.write_text(textwrap.dedent(code))
    return directory / name


def whole(handler: Handler, *request: Any) -> bytes:
    """The body of an answer that comes as a whole."""
    body, _ = handler.invoke(*request)
    assert isinstance(body, bytes)
    return body
