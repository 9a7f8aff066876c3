"""The processes below a process, as the kernel tells them and by the parent of each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chaos import descendants

TREE = """
import os, subprocess, sys, threading
started = []
def start(): started.append(subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdin=subprocess.PIPE))
thread = threading.Thread(target=start)
thread.start(); thread.join(); start()
os.posix_spawn('/bin/true', ['true'], {})  # nobody waits for it
print(*(child.pid for child in started), flush=True)
sys.stdin.read()
"""
LEAF = "import subprocess, sys; subprocess.run(['cat'])"


@pytest.mark.parametrize("told", [descendants.KERNEL_TELLS_CHILDREN, False])
def test_a_tree_is_walked_down(told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descendants, "KERNEL_TELLS_CHILDREN", told)
    with subprocess.Popen(
        [sys.executable, "-c", TREE, LEAF], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as root:
        assert root.stdout is not None
        pids = {int(pid) for pid in root.stdout.readline().split()}
        children = descendants.children(root.pid)
        assert pids < set(children), "and one that is a zombie"
        assert len(children) == 3
        while len(found := descendants.descendants(root.pid)) < 5:
            pass
        assert found[:3] == children
        assert {int(Path(f"/proc/{pid}/stat").read_text().split()[3]) for pid in found[3:]} == pids
        root.communicate("")
    assert descendants.descendants(root.pid) == []
