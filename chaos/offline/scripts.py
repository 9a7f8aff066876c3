"""The script before a handler, run in a process of its own, and the files that it wrote.

It is trusted as much as any program that you start: it has your environment and your rights. But it has limits of time
and memory, and nothing that it starts outlives it.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from chaos.documents import nearest
from chaos.errors import DocumentError
from chaos.marks import HANDLER, end_bearers
from chaos.offline.results import Outcome
from chaos.offline.specs import ScriptExecutionSpec
from chaos.offline.written import Written, look, written

__all__ = ["DATA_OUTPUT", "ScriptLimits", "ScriptRun", "run_script"]

DATA_OUTPUT = "data_output"
"""The output that a script has if it names none; if it names several and this is one, it is the data."""

POLL_SECONDS = 0.2
PLACE = re.compile(r"\{(input|output):([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class ScriptLimits:
    """What a script may take.

    :param seconds: of wall time
    :param memory: bytes, of each of its processes
    :param printed: bytes of what it prints that are kept: the first half of them, and the last
    """

    seconds: float = 600.0
    memory: int = 4 << 30
    printed: int = 64 << 10


@dataclass(frozen=True, slots=True)
class ScriptRun:
    """How a script ended.

    :param seconds: of wall time
    :param error: what went wrong, in words; empty if nothing did
    :param place: file and line where it raised, below the script's directory
    :param written: what it wrote, by the name of the output
    :param outputs: where it was told to write
    """

    outcome: Outcome
    seconds: float
    error: str = ""
    place: str = ""
    printed: str = ""
    written: Mapping[str, Written] = field(default_factory=dict)
    outputs: Mapping[str, Path] = field(default_factory=dict)

    @property
    def success(self) -> bool:
        """Whether it ended well."""
        return self.outcome == "ok"

    @property
    def data(self) -> tuple[Path, ...]:
        """The files of data that it wrote: those of :data:`DATA_OUTPUT` if there is one, else of all outputs."""
        names = [DATA_OUTPUT] if DATA_OUTPUT in self.written else list(self.written)
        return tuple(dict.fromkeys(path for name in names for path in self.written[name].files))


def run_script(
    spec: ScriptExecutionSpec,
    workspace: Path,
    limits: ScriptLimits | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> ScriptRun:
    """Run a script to its end.

    Its output directories are made if they are not there. An output without a path is in the workspace, and a script
    that names no output has :data:`DATA_OUTPUT`.

    :param stopped: asked now and then whether to end it
    :raises DocumentError: if there is no such script or program, an input is missing, or it cannot be started
    """
    limits = limits or ScriptLimits()
    inputs = {name: Path(path).absolute() for name, path in spec.input_paths.items()}
    own = workspace.absolute() / spec.script_name
    paths = spec.output_paths or {DATA_OUTPUT: ""}
    outputs = {name: Path(path).absolute() if path else own / name for name, path in paths.items()}
    for name, path in inputs.items():
        if not path.exists():
            raise DocumentError(
                f"{spec.script_name}: input '{name}'", f"there is no {path}", "make it, or name another"
            )
    task = {
        "script": str(_script(spec)) if spec.script_path else "",
        "command": _command(spec, inputs, outputs),
        "input_paths": {name: str(path) for name, path in inputs.items()},
        "output_paths": {name: str(path) for name, path in outputs.items()},
        "environ_vars": spec.environ_vars,
        "job_args": spec.job_args,
        "memory": limits.memory,
        "parent": os.getpid(),
    }
    _make(outputs, spec.script_name)
    before = {name: look(path) for name, path in outputs.items()}
    told = _run(task, spec, limits, stopped)
    files = {name: written(path, before[name]) for name, path in outputs.items()}
    return ScriptRun(**told, written=files, outputs=outputs)


def _script(spec: ScriptExecutionSpec) -> Path:
    path = Path(spec.script_path).absolute()
    if not path.is_file():
        raise DocumentError(spec.script_path, "there is no such script", "name a file with main")
    return path


def _command(spec: ScriptExecutionSpec, inputs: Mapping[str, Path], outputs: Mapping[str, Path]) -> list[str]:
    """The words of a command, its places filled in."""
    known = {"input": inputs, "output": outputs}

    def filled(match: re.Match[str]) -> str:
        kind, name = match.groups()
        if name not in known[kind]:
            raise DocumentError(
                f"{spec.script_name}: {match[0]}", f"there is no such {kind}", nearest(name, known[kind])
            )
        return str(known[kind][name])

    words = [PLACE.sub(filled, word) for word in spec.command]
    if (
        words
        and shutil.which(os.path.join(spec.directory, words[0]) if os.sep in words[0] else words[0]) is None
    ):
        raise DocumentError(spec.script_name, f"there is no program '{words[0]}'", "name one that can be run")
    return words


def _make(outputs: Mapping[str, Path], name: str) -> None:
    """Directories for what is to be written; a path with a suffix is a file in one."""
    for path in outputs.values():
        directory = path.parent if path.suffix or path.is_file() else path
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DocumentError(f"{name}: {directory}", f"cannot be made: {error.strerror}") from None


def _run(
    task: Mapping[str, Any], spec: ScriptExecutionSpec, limits: ScriptLimits, stopped: Callable[[], bool]
) -> dict[str, Any]:
    """Run it, and end all that it has left: how it ended, how long it took, and what it printed."""
    token = secrets.token_hex(8)
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as result:
        asked.write(json.dumps(task, default=str).encode())
        asked.seek(0)
        descriptors = (asked.fileno(), result.fileno())
        begin = time.monotonic()
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "chaos.offline.script_host", *map(str, descriptors)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=descriptors,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **spec.environ_vars, HANDLER: token},
                cwd=spec.directory or None,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise DocumentError(
                spec.script_name, f"cannot be started: {error}", "look at its environ_vars"
            ) from None
        printed = _Printed(process.stdout, limits.printed)
        try:
            late = not _waited(process, begin + limits.seconds, stopped)
        finally:
            seconds = time.monotonic() - begin
            _end(process, token)
        ended = _ended(
            process.returncode, late, os.pread(result.fileno(), 1 << 20, 0), limits, printed.text()
        )
    return {**ended, "seconds": seconds, "printed": printed.text()}


def _waited(process: subprocess.Popen[bytes], end: float, stopped: Callable[[], bool]) -> bool:
    """Whether it has ended by itself, and in time."""
    while not stopped() and (left := end - time.monotonic()) > 0:
        with suppress(subprocess.TimeoutExpired):
            process.wait(min(left, POLL_SECONDS))
            return True
    return False


def _end(process: subprocess.Popen[bytes], token: str) -> None:
    """End it and all of its, those in sessions of their own as well."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    end_bearers(HANDLER, token, grace=0.0)


def _ended(code: int, late: bool, told: bytes, limits: ScriptLimits, printed: str) -> dict[str, Any]:
    if late:
        return {"outcome": "timeout", "error": f"it did not end within {limits.seconds:g} s"}
    if told:
        said = json.loads(told)
        return {
            "outcome": said["outcome"],
            "error": ": ".join(filter(None, [said.get("error_type"), said["error"]])),
            "place": said.get("place", ""),
        }
    if code < 0:
        return {"outcome": "crashed", "error": f"it was ended by {signal.Signals(-code).name}"}
    if code > 0:
        last = printed.strip().rpartition("\n")[2]
        return {
            "outcome": "exited",
            "error": f"it ended with exit code {code}" + (f": {last}" if last else ""),
        }
    return {"outcome": "ok"}


class _Printed:
    """Reads what a process prints in a thread, and keeps the start and the end of it."""

    def __init__(self, stream: IO[bytes] | None, most: int) -> None:
        self._stream, self._half = stream, most // 2
        self._start, self._end = bytearray(), bytearray()
        self._size = 0
        self._thread = threading.Thread(target=self._read, name="script output", daemon=True)
        self._thread.start()

    def text(self) -> str:
        """All that was kept, when the process has ended."""
        self._thread.join(READ_SECONDS)
        left_out = self._size - len(self._start) - len(self._end)
        gap = f"\n… ({left_out} bytes left out)\n".encode() if left_out else b""
        return bytes(self._start + gap + self._end).decode(errors="replace")

    def _read(self) -> None:
        if self._stream is None:
            return
        with self._stream:
            while piece := os.read(self._stream.fileno(), 1 << 16):
                self._size += len(piece)
                room = self._half - len(self._start)
                self._start += piece[:room]
                self._end = (self._end + piece[room:])[-self._half :]


READ_SECONDS = 5.0
"""How long the last of what was printed may take to be read: nobody is left who holds the pipe."""
