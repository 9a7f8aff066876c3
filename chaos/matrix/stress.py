"""Foreign load for a calibration: stress-ng on every core, which ends with the harness whatever ends the harness."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from chaos.errors import ChaosError
from chaos.lifeline import die_with_parent

__all__ = ["stressed"]

SETTLE_SECONDS = 1.0
END_SECONDS = 5.0


@contextmanager
def stressed() -> Iterator[None]:
    """All cores busy with something else for as long as the context lasts.

    :raises ChaosError: if stress-ng is not installed, or does not run
    """
    command = shutil.which("stress-ng")
    if command is None:
        raise ChaosError("--load: stress-ng is not installed (install the package 'stress-ng')")
    process = subprocess.Popen(
        [command, "--cpu", str(os.cpu_count() or 1), "--quiet"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent,
        start_new_session=True,  # Ctrl-C is ours to handle
    )
    try:
        time.sleep(SETTLE_SECONDS)
        if process.poll() is not None:
            raise ChaosError(
                f"--load: stress-ng ended at once with exit code {process.returncode} (run it by hand)"
            )
        yield
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
