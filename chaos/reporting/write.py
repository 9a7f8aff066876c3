"""Writes all reports of a run into its directory, each as a whole or not at all.

A reader never sees half a file: each is written beside its place and renamed into it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from chaos.analysis import Summary
from chaos.history import Event
from chaos.reporting.html import render_html
from chaos.reporting.junit import render_junit
from chaos.reporting.markdown import render_markdown
from chaos.summary import summary_document

__all__ = ["write_file", "write_reports"]


def write_reports(directory: Path, events: Sequence[Event], summary: Summary) -> list[Path]:
    """Write summary.json, report.html, report.md and junit.xml, and return their paths in this order.

    :raises RunDirectoryError: if the history cannot be understood
    :raises OSError: if the directory cannot be written to; what was there before stays
    """
    document = json.dumps(summary_document(summary), indent=2, allow_nan=False) + "\n"
    texts = {
        "summary.json": document,
        "report.html": render_html(events, summary),
        "report.md": render_markdown(summary),
        "junit.xml": render_junit(summary),
    }
    return [write_file(directory / name, text) for name, text in texts.items()]


def write_file(path: Path, text: str) -> Path:
    """Write one, as a whole or not at all; its path.

    :raises OSError: if the directory cannot be written to; what was there before stays
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # Half a surrogate pair may come from outside and cannot be encoded; it becomes a question mark.
        beside.write_bytes(text.encode(errors="replace"))
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path
