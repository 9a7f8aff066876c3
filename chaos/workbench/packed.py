"""``chaos handler pack``: a package as an archive, and what is to be known of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click

from chaos.handlers.packing import pack, unmet
from chaos.reporting.handler.words import size

__all__ = ["packed"]


def packed(directory: Path, archive: Path) -> int:
    """Pack it, and say what is in it and what is not met here; the exit code.

    :raises DocumentError: if the directory is no package
    """
    path = pack(directory, archive)
    content = path.read_bytes()
    for words in unmet(directory):
        click.echo(f"warning: {words}", err=True)
    click.echo(f"{path}: {size(len(content))}, SHA-256 {hashlib.sha256(content).hexdigest()}")
    return 0
