"""The rigs' own machinery, on small servers of ours: these tests need no real server and run always."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil
import pytest

from chaos.targets.processes import alive, free_port, session_members
from tests.real import rigs
from tests.real.bridges import package_bridge
from tests.real.rigs import MODELS, PACKAGES, RigError, environment, running

SERVER = """
import http.server, signal, subprocess, sys
code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
subprocess.Popen([sys.executable, "-c", code])
if sys.argv[2:] == ["stubborn"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


@pytest.mark.parametrize("manner", ["polite", "stubborn"])
def test_nothing_is_left(tmp_path: Path, manner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rigs, "STOP_SECONDS", 1.0 if manner == "stubborn" else 15.0)
    port = free_port()
    command = [sys.executable, "-c", SERVER, str(port), manner]
    ready = f"http://127.0.0.1:{port}/"
    with running(command, env={}, cwd=tmp_path, log=tmp_path / "log", ready=ready, port=port) as server:
        members = session_members(server.pid)
        assert len(members) == 2

    assert [process for process in members if alive(process)] == []
    assert not psutil.pid_exists(server.pid), "it was waited for"


def test_a_server_that_ends_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such model store')"]
    port = free_port()
    ready = f"http://127.0.0.1:{port}/"
    with (
        pytest.raises(RigError, match=r"ended with 1: no such model store"),
        running(command, env={}, cwd=tmp_path, log=tmp_path / "log", ready=ready, port=port),
    ):
        raise AssertionError("it is not ready")


def test_an_environment_that_cannot_be_installed(tmp_path: Path) -> None:
    missing = str(tmp_path / "no-such-wheel.whl")
    with pytest.raises(RigError, match="no-such-wheel"), environment(tmp_path, "x", [missing], "--no-index"):
        raise AssertionError("it is not installed")

    assert not list(tmp_path.glob("x/venv/.requirements")), "the next try starts anew"


def test_the_bridge_serves_our_packages() -> None:
    sleep = package_bridge.Package(str(PACKAGES / "sleep"))
    bodies = [b'{"sleep_ms": 1, "nonce": "n"}', b'{"sleep_ms": 2, "nonce": "m"}']
    assert [json.loads(body)["nonce"] for body in sleep.invoke(bodies)] == ["n", "m"]
    (huge,) = package_bridge.Package(str(PACKAGES / "huge")).invoke([b'{"mebibytes": 1, "nonce": "n"}'])
    (slow,) = package_bridge.Package(str(PACKAGES / "slow")).invoke([b'{"chunks": 2}'])
    assert json.loads(slow)["chunks"] == 2
    assert len(huge) >= 1 << 20
    assert all((PACKAGES / package / "code" / "inference.py").is_file() for package in MODELS.values())
