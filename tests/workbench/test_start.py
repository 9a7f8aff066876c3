"""`chaos` starts without what only `chaos handler` needs."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("chaos.offline", "chaos.reporting.handler", "chaos.handlers.isolation", "chaos.workbench.testing")


def test_the_command_line_loads_none_of_it() -> None:
    code = "import sys, chaostoolkit.__main__; print('\\n'.join(sys.modules))"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True
    )
    loaded = ended.stdout.split()

    assert "chaos.workbench.commands" in loaded
    assert [name for name in loaded if name.startswith(HEAVY)] == []
