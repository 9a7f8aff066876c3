"""An nginx of our own on a free loopback port and one core, which answers with the nonce it was sent."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["NONCE_HEADER", "find_tool", "nginx"]

NONCE_HEADER = "X-Nonce"

_CONFIG = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr error;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        location / {{ return 200 "$http_x_nonce\\n"; }}
    }}
}}
"""
_READY_SECONDS = 10.0


def find_tool(name: str) -> str:
    """The path of a program.

    :raises SystemExit: if it is not installed
    """
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        raise SystemExit(f"{name} is not installed (Debian: apt-get install nginx-light wrk hey util-linux)")
    return path


@contextmanager
def nginx(core: int) -> Iterator[int]:
    """Run nginx as one process pinned to this core; yields its port."""
    with tempfile.TemporaryDirectory() as directory:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        config = Path(directory) / "nginx.conf"
        config.write_text(_CONFIG.format(directory=directory, port=port))
        process = subprocess.Popen(
            [find_tool("taskset"), "-c", str(core), find_tool("nginx"), "-p", directory, "-c", str(config)]
        )
        try:
            _await_ready(process, port)
            yield port
        finally:
            process.terminate()
            try:
                process.wait(_READY_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_ready(process: subprocess.Popen[bytes], port: int) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={NONCE_HEADER: "ready"})
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        if process.poll() is not None:
            raise SystemExit(f"nginx ended with code {process.returncode} before it served")
        try:
            with urllib.request.urlopen(request, timeout=1.0) as answer:  # noqa: S310
                assert answer.read() == b"ready\n"
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
