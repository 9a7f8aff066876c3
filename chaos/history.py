"""The run directory: an append-only history that is readable after a crash, and what is made from it.

``history.jsonl`` holds one JSON object a line; each has ``kind`` and ``at`` (monotonic clock of the
machine, seconds). The kinds:

- ``run``        ``run_id, seed, target, defects, title, experiment, version, wall, command, replay, probes`` (each
  with ``via``, if it goes through a link), ``checks, phases`` (the planned seconds), first line
- ``phase``      ``phase``: begins now; ``warmup``, ``baseline``, ``fault``, ``recovery``, ``end``
- ``frame``      ``worker, streams``: as in :mod:`chaos.traffic.spec`
- ``worker``     ``worker, pid, event`` (``started``, ``stopped``, ``died``)
- ``fault``      ``id, fault, model, arguments, event`` (``intent``, ``injected``, ``failed``, ``reverted``, or ``not
  reverted``: then ``reason`` says what to do by hand), ``reason``; with the intent ``seconds``, as planned; with
  ``injected`` what it ``touches``; with ``reverted`` what that ``did``
- ``evidence``   ``lease`` (the fault's id), ``about``, and what the fault noted of it: an ``operation`` or a
  ``round`` of duplicates, a death by ``oom``, the ``cpu`` that was burnt, …
- ``state``      ``models`` (by name: ``desired, workers, pids, alive``; ``alive`` is null where processes were not
  counted), ``strays`` (living replicas of no model), ``links`` (``name, model, up, since``; null where they were not
  read), ``error``: what could not be read, the rest of the event holds
- ``errors``     ``errors``: the target's own error history, at the end: ``model, type, by, pid, at, detail``
- ``executions`` ``counted, total, models`` (number by name), ``repeated`` (the first: model, nonce, times), ``repeats``
- ``resource``   ``processes, cpu`` (cores), ``rss`` (bytes), ``fds, threads`` of the target, where it is local
- ``guard``      ``probe, guard`` (index), ``burn, n``: it tripped now
- ``operation``  ``operation, model, outcome`` (``ok``, ``fail``, ``info``), ``start, end, detail``: control plane
- ``cell``       a measured property (:mod:`chaos.cells`): ``event`` (``begin``, ``end``), ``code, apis``; with begin
  ``seed, settings``, with ``end`` ``outcome`` (``measured``, ``not applicable``, ``broken``) and ``reason``. Within it:
  ``requests`` (``load, rows``), ``noise`` (``cells`` of the null probe), ``call`` (as ``operation``, with the HTTP
  ``status``), ``footprint``, ``environment`` (``phase``: ``before`` or ``during``; of a span of ``seconds`` that ends
  now: ``busy, own, steal`` in processors out of ``cores``, where ``own`` is what target and harness used, and
  ``running``, tasks at its end; not ``complete`` if the target runs here unseen), and ``note`` (``about``, and
  whatever the property is judged by)
- ``matrix``     a run of a matrix begins (:mod:`chaos.matrix`): ``run_id, seed, target, defects, version, wall, cells,
  settings, replay``; then ``measuring`` (``group, code, apis``) and ``measured`` (``group``, ``cells`` with ``api,
  code, verdict, reason, seconds``) for each group of cells, whose events are in a directory of their own
- ``calibrate``  a run of a calibration begins: ``seed, settings, loaded, trials`` (name and number of cells), ``wall``;
  then ``trial`` (``name, cells``) and ``tried`` (``name, defect``, ``cells`` as name, verdict and reason)
- ``problem``    ``text``: what makes this run's verdict doubtful
- ``end``        ``status, deviated, reason``

A line cut off by a crash is passed over; a broken line elsewhere is an error.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from chaos.errors import RunDirectoryError

__all__ = ["Event", "HistoryWriter", "read_history"]

Event = dict[str, Any]

HISTORY = "history.jsonl"


class HistoryWriter:
    """Appends events; each line reaches the operating system at once, so a killed harness loses none.

    :raises RunDirectoryError: if the directory cannot be made or written to
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = (directory / HISTORY).open("ab", buffering=0)
        except OSError as error:
            raise RunDirectoryError(
                f"run directory {directory}: {error.strerror} (choose another place with --var reports=…)"
            ) from None

    def append(self, kind: str, at: float | None = None, **values: object) -> Event:
        """Write one event, at the given instant or now, and return it."""
        event: Event = {"kind": kind, "at": time.monotonic() if at is None else at, **values}
        self._file.write(json.dumps(event, separators=(",", ":")).encode() + b"\n")
        return event

    def sync(self) -> None:
        """Force what was written to disk: before an injection, and at the end."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Sync and close; idempotent."""
        if not self._file.closed:
            self.sync()
            self._file.close()


def read_history(directory: Path) -> list[Event]:
    """All events of a run directory, oldest first.

    :raises RunDirectoryError: if there is no history, or a line before the last is broken
    """
    path = directory / HISTORY
    try:
        return list(_events(path))
    except FileNotFoundError:
        raise RunDirectoryError(
            f"{directory}: no {HISTORY} there (name a run directory, such as reports/<run id>)"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RunDirectoryError(f"{path}: {error}") from None


def _events(path: Path) -> Iterator[Event]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                event = json.loads(line)
            except json.JSONDecodeError as error:
                if not line.endswith("\n"):
                    return
                raise RunDirectoryError(f"{path}:{number}: broken line: {error.msg}") from None
            if not isinstance(event, dict) or "kind" not in event or "at" not in event:
                raise RunDirectoryError(f"{path}:{number}: not an event (needs 'kind' and 'at')")
            yield event
