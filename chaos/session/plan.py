"""What one run is to do, checked as a whole before anything is started: arguments, probe files, seed, name."""

from __future__ import annotations

import re
import secrets
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chaos.documents import validated
from chaos.errors import DocumentError
from chaos.faults.handler_dos import MODES
from chaos.session.own import Own, own_package
from chaos.session.safety import named_on_command_line
from chaos.session.settings import ControlArguments, ModelArgument
from chaos.sla.documents import INFERENCES, ProbeDocument
from chaos.sla.files import load_probe
from chaos.targets.options import redacted
from chaos.targets.registry import EMBEDDED
from chaos.traffic.spec import Arrivals

__all__ = ["Plan", "arrivals_of", "make_plan", "package_of", "sub_seed"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a session needs to know. ``replay`` is the command that runs it again with the same seed."""

    arguments: ControlArguments
    probes: tuple[ProbeDocument, ...]
    seed: int
    run_id: str
    title: str
    source: str
    command: str
    replay: str
    allow: tuple[str, ...] = ()
    """Hosts beside loopback that may be tested: named in the experiment and on the command line."""
    own: Own | None = None
    """The user's own handler package, if one takes the place of the experiment's."""

    @property
    def directory(self) -> Path:
        """The run directory."""
        return Path(self.arguments.reports) / self.run_id


def make_plan(arguments: Mapping[str, Any], title: str, source: str, argv: Sequence[str]) -> Plan:
    """Check an experiment's control arguments and all they name.

    :param source: the experiment's path or URL as the user gave it
    :param argv: the command line after the program's name, for the replay
    :raises DocumentError: with the field or file, the problem and the remedy
    """
    checked = validated(dict(arguments), ControlArguments, f"{source}: controls")
    probes = []
    for entry in checked.probes:
        probe = load_probe(entry.file, Path(source).parent)
        if entry.rate is not None:
            probe = probe.model_copy(
                update={"schedule": probe.schedule.model_copy(update={"rate": entry.rate})}
            )
        if entry.via and probe.api not in INFERENCES:
            place = f"{source}: controls: probes: {entry.file}"
            raise DocumentError(place, f"link '{entry.via}' carries no '{probe.api}'", "leave 'via' out")
        probes.append(probe)
    names = [probe.name for probe in probes]
    if len(set(names)) < len(names):
        raise DocumentError(f"{source}: controls: probes", f"two probes have one name: {', '.join(names)}")
    ours = checked.target.partition("?")[0].strip() == EMBEDDED
    own, sent = own_package(checked, probes, f"{source}: controls", ours)
    seed = secrets.randbelow(2**31) if checked.seed is None else checked.seed
    return Plan(
        arguments=checked,
        probes=sent,
        seed=seed,
        run_id=_run_id(source),
        title=title,
        source=source,
        command=shlex.join(["chaos", *map(redacted, argv)]),
        replay=shlex.join(["chaos", *map(redacted, _with_seed(argv, seed))]),
        allow=_allowed(checked, argv),
        own=own,
    )


def _allowed(arguments: ControlArguments, argv: Sequence[str]) -> tuple[str, ...]:
    """The hosts that are named everywhere they have to be: a slip in one place harms nobody."""
    named = set(arguments.hosts) & set(arguments.allow) & named_on_command_line(argv)
    return tuple(sorted(named))


def package_of(model: ModelArgument) -> str:
    """The handler package that serves a model."""
    return MODES[model.hostile].package if model.hostile is not None else str(model.package)


def arrivals_of(probe: ProbeDocument) -> Arrivals:
    """The arrival schedule of a probe, as a traffic worker takes it."""
    schedule = probe.schedule
    return Arrivals(
        kind=schedule.arrival,
        rate=schedule.rate,
        to_rate=schedule.to_rate,
        seconds=schedule.ramp_seconds,
        users=schedule.users,
    )


def sub_seed(seed: int, *names: str) -> int:
    """A seed for one part of a run, derived from the run's (D9): same names, same seed."""
    words = [seed % 2**32, seed >> 32, *(byte for name in names for byte in (*name.encode(), 256))]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _run_id(source: str) -> str:
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(source).stem) or "run"
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{stem}-{secrets.token_hex(2)}"


def _with_seed(argv: Sequence[str], seed: int) -> list[str]:
    """The command line with this seed in place of whatever seed it named."""
    kept: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--var":
            value = next(words, "")
            if not re.match(r"seed(:\w+)?=", value):
                kept += [word, value]
        elif not re.match(r"--var=seed(:\w+)?=", word):
            kept.append(word)
    place = kept.index("run") + 1 if "run" in kept else len(kept)
    return [*kept[:place], "--var", f"seed={seed}", *kept[place:]]
