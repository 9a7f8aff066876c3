"""``python -m chaos.embedded``: the embedded platform as a process. One JSON line on stdout says how it went."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NoReturn

from chaos.embedded.defects import parse_defects
from chaos.embedded.link_options import parse_links
from chaos.embedded.residue import TOKEN, Residue, clear_orphans
from chaos.embedded.settings import MEMORY, NODE_MEMORY, PORTS, PlatformSettings
from chaos.embedded.supervisor import listen, supervise
from chaos.errors import ChaosError
from chaos.marks import PLATFORM

__all__ = ["main"]

MEMORY_LEAST = 16


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ChaosError(f"{message} (see python -m chaos.embedded --help)")


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = _Parser(prog="python -m chaos.embedded", description=__doc__, allow_abbrev=False)
    for name in PORTS:
        parser.add_argument(
            f"--{name}", type=int, default=0, metavar="PORT", help="a free port if 0 or absent"
        )
    parser.add_argument(
        "--defect", action="append", default=[], metavar="NAME", help="seed a wrong behaviour"
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="where logs and what handlers print go")
    parser.add_argument(
        "--models", action="append", default=[], type=Path, metavar="DIR", help="more packages"
    )
    parser.add_argument(
        "--memory", type=int, default=MEMORY, metavar="MIB", help="what a replica may take over its base"
    )
    parser.add_argument(
        "--node-memory",
        type=int,
        default=min(NODE_MEMORY, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20),
        metavar="MIB",
        help="what all replicas together may take",
    )
    parser.add_argument(
        "--no-cgroup",
        action="store_true",
        help="limit memory by a resource limit, not by the kernel's OOM killer",
    )
    parser.add_argument(
        "--executions",
        type=Path,
        metavar="FILE",
        help="note each request with a nonce that a handler is given",
    )
    parser.add_argument("--link-proxy", default="", metavar="HOST:PORT", help="a fault proxy's Toxiproxy API")
    parser.add_argument(
        "--links", default="", metavar="KINDS", help="links to lead through it: replica,manager"
    )
    return parser.parse_args(arguments)


def _open_log(path: Path | None) -> IO[bytes]:
    try:
        return open(path or os.devnull, "ab", buffering=0)
    except OSError as error:
        raise ChaosError(
            f"the log {path} cannot be written: {error.strerror} (choose another with --log)"
        ) from None


def _check(options: argparse.Namespace) -> None:
    for directory in options.models:
        if not directory.is_dir():
            raise ChaosError(
                f"--models {directory}: there is no such directory (name one that holds packages)"
            )
    if options.memory < MEMORY_LEAST:
        raise ChaosError(
            f"--memory {options.memory}: a replica needs at least {MEMORY_LEAST} MiB (give more)"
        )
    if options.memory > options.node_memory:
        raise ChaosError(
            f"--memory {options.memory}: one replica may not take more than all together, {options.node_memory} MiB "
            "(give less, or more with --node-memory)"
        )
    parse_defects(options.defect)
    parse_links(options.link_proxy, options.links)


def _start(arguments: list[str], token: str) -> None:
    options = _parse(arguments)
    _check(options)
    with ExitStack() as stack:
        log = stack.enter_context(_open_log(options.log))
        os.dup2(log.fileno(), 2)
        sockets = {name: stack.enter_context(listen(name, getattr(options, name))) for name in PORTS}
        residue = Residue.of(token, cgroup=not options.no_cgroup)
        clear_orphans()
        cgroup = _prepare(residue, stack)
        settings = PlatformSettings(
            descriptors={name: listener.fileno() for name, listener in sockets.items()},
            state=residue.state,
            memory=options.memory << 20,
            node_memory=options.node_memory << 20,
            cgroup=cgroup,
            defects=tuple(options.defect),
            models=tuple(str(path) for path in options.models),
            executions=str(options.executions.resolve()) if options.executions else "",
            link_proxy=options.link_proxy,
            links=parse_links(options.link_proxy, options.links),
        )
        ports = {name: listener.getsockname()[1] for name, listener in sockets.items()}
        supervise(settings, {"pid": os.getpid(), "cgroup": cgroup, **ports})


def _prepare(residue: Residue, stack: ExitStack) -> str:
    """Make the platform's places, to be cleared at the end; the cgroup tree's path, empty if there is none."""
    try:
        cgroup = residue.cgroup if residue.make() else ""
    except OSError as error:
        raise ChaosError(
            f"the directory {residue.state} cannot be made: {error.strerror} "
            f"(set TMPDIR to another place; unset {PLATFORM} if another platform's was inherited)"
        ) from None
    stack.callback(residue.clear)  # not before they are known to be ours
    return cgroup


def _token() -> str:
    """The platform's token, in the environment from its first moment on, so that all its processes bear it."""
    token = os.environ.get(PLATFORM, "")
    if not TOKEN.fullmatch(token):
        environment = {**os.environ, PLATFORM: os.urandom(8).hex()}
        os.execve(sys.executable, [sys.executable, "-m", "chaos.embedded", *sys.argv[1:]], environment)  # noqa: S606
    return token


def main() -> int:
    """Run the platform; the exit code. SIGINT is ignored: whoever started the platform decides when it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _start(sys.argv[1:], _token())
    except ChaosError as error:
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
