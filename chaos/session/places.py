"""Where a run leaves what it leaves: a name that no other run has, and a directory that can be written to."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

from chaos.errors import ChaosError

__all__ = ["new_run_id", "usable"]


def new_run_id(what: str) -> str:
    """A name for a run that no other has."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{what}-{secrets.token_hex(2)}"


def usable(directory: Path) -> None:
    """Make a directory, if it is not there.

    :raises ChaosError: if it cannot be made, or not be written to
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ChaosError(f"--out {directory}: {error.strerror} (name a directory that can be made)") from None
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise ChaosError(f"--out {directory}: it cannot be written to (name another directory)")
