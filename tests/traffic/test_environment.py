"""What a worker asks of its system: each wish is seen from outside, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest


def _run(code: str) -> str:
    command = [sys.executable, "-c", "from chaos.traffic import environment\n" + code]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()


def test_descriptors_up_to_the_hard_limit() -> None:
    code = (
        "import resource\nlimit = resource.RLIMIT_NOFILE\n"
        "resource.setrlimit(limit, (64, resource.getrlimit(limit)[1]))\n"
        "environment.raise_descriptor_limit()\nsoft, hard = resource.getrlimit(limit)\nprint(soft == hard)"
    )
    assert _run(code) == "True"


def test_who_measures_runs_before_others_where_it_may() -> None:
    code = "import os\nenvironment.ask_priority(True)\nprint(os.getpriority(os.PRIO_PROCESS, 0))"
    assert int(_run(code)) == (-10 if os.geteuid() == 0 else 0)


def test_priority_is_not_insisted_on() -> None:
    code = (
        "import os\ndef refuse(*_):\n    raise PermissionError\nos.setpriority = refuse\n"
        "environment.ask_priority(True)\nprint('went on')"
    )
    assert _run(code) == "went on"


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="a scheduling class of Linux")
def test_who_only_puts_load_on_makes_way() -> None:
    code = "import os\nenvironment.ask_priority(False)\nprint(os.sched_getscheduler(0) == os.SCHED_IDLE)"
    assert _run(code) == "True"


def test_what_was_imported_is_not_collected_again() -> None:
    code = "import gc\nenvironment.tune_collector()\nprint(gc.get_freeze_count() > 1000, gc.get_threshold()[0] > 700)"
    assert _run(code) == "True True"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's")
def test_it_dies_with_its_parent() -> None:
    child = (
        "from chaos.lifeline import die_with_parent; die_with_parent()\n"
        "import time; print('on', flush=True); time.sleep(60)"
    )
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline(); print(child.pid, flush=True); child.wait()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        orphan = psutil.Process(int(parent.stdout.readline()))
        os.kill(parent.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while orphan.is_running() and orphan.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline, "the child outlived its parent"
            time.sleep(0.02)
    except psutil.NoSuchProcess:
        pass  # gone between two looks
    finally:
        parent.kill()
        parent.communicate()
