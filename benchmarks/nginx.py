"""An nginx of our own on a free loopback port and one core, which answers with the nonce it was sent."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.tools import await_listening, find_tool, free_port, running

__all__ = ["NONCE_HEADER", "nginx"]

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


@contextmanager
def nginx(core: int) -> Iterator[int]:
    """Run nginx as one process pinned to this core; yields its port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "nginx.conf"
        config.write_text(_CONFIG.format(directory=directory, port=port))
        with running([find_tool("nginx"), "-p", directory, "-c", str(config)], core) as process:
            await_listening(process, port)
            yield port
