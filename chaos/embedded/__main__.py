"""``python -m chaos.embedded``: the embedded platform as a process. One JSON line on stdout says how it went."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import IO, NoReturn

from chaos.embedded.defects import parse_defects
from chaos.embedded.server import PlatformSettings, run_platform
from chaos.errors import ChaosError

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ChaosError(f"{message} (see python -m chaos.embedded --help)")


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = _Parser(prog="python -m chaos.embedded", description=__doc__, allow_abbrev=False)
    for name in ("inference", "management", "metrics"):
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
    return parser.parse_args(arguments)


def _open_log(path: Path | None) -> IO[bytes]:
    try:
        return open(path or os.devnull, "ab", buffering=0)
    except OSError as error:
        raise ChaosError(
            f"the log {path} cannot be written: {error.strerror} (choose another with --log)"
        ) from None


def _start(arguments: list[str]) -> None:
    options = _parse(arguments)
    for directory in options.models:
        if not directory.is_dir():
            raise ChaosError(
                f"--models {directory}: there is no such directory (name one that holds packages)"
            )
    settings = PlatformSettings(
        inference=options.inference,
        management=options.management,
        metrics=options.metrics,
        defects=parse_defects(options.defect),
        models=tuple(options.models),
    )
    with _open_log(options.log) as log:
        os.dup2(log.fileno(), 2)
        run_platform(settings, log)


def main() -> int:
    """Run the platform; the exit code. SIGINT is ignored: whoever started the platform decides when it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _start(sys.argv[1:])
    except ChaosError as error:
        message = str(error)
    except BaseExceptionGroup as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        if not isinstance(first, ChaosError):
            raise
        message = str(first)
    else:
        return 0
    sys.stdout.write(json.dumps({"error": message}) + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
