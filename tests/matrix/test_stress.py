"""Foreign load ends with whoever asked for it, whatever ends that."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time

import psutil
import pytest

from chaos.errors import ChaosError
from chaos.matrix import stress

STRESSED = (
    "from chaos.matrix.stress import stressed\nwith stressed():\n    print('on', flush=True)\n    input()\n"
)


def test_without_stress_ng_it_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(ChaosError, match="not installed"), stress.stressed():
        raise AssertionError("nothing was loaded")


@pytest.mark.skipif(shutil.which("stress-ng") is None, reason="stress-ng is not installed")
@pytest.mark.parametrize("killed", [False, True])
def test_nothing_of_it_is_left(killed: bool) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STRESSED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        family = psutil.Process(process.pid).children(recursive=True)
        assert any(member.name().startswith("stress-ng") for member in family)
        if killed:
            process.kill()
        process.communicate("\n" if not killed else None, timeout=20)
    finally:
        process.kill()
        process.wait()
    deadline = time.monotonic() + 10
    while (left := [member for member in family if member.is_running()]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [member for member in left if member.status() != psutil.STATUS_ZOMBIE] == []
