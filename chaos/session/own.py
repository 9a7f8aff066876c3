"""A handler package of the user's own in the place of one of the experiment's: as the victim, or as the hostile one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from chaos.documents import read_value
from chaos.errors import CapabilityError, DocumentError
from chaos.handlers.package import is_package
from chaos.session.settings import ControlArguments
from chaos.sla.documents import INFERENCES, ProbeDocument
from chaos.targets.base import Directories, Target

__all__ = ["Own", "at_hand", "own_package"]

ARCHIVES = (".tar.gz", ".tgz", ".tar", ".mar")


@dataclass(frozen=True, slots=True)
class Own:
    """``package`` is as the user named it, ``path`` where it is on this machine, None if only the target knows it. It
    serves ``models``; ``payloads`` are sent to those of them that are hostile."""

    package: str
    path: Path | None
    models: frozenset[str]
    payloads: Mapping[str, Any]


def own_package(
    arguments: ControlArguments, probes: Sequence[ProbeDocument], place: str, ours: bool
) -> tuple[Own | None, tuple[ProbeDocument, ...]]:
    """The user's package, if there is one, and the probes as they are sent then: to a victim with its payload.

    :param place: of the arguments, for errors
    :param ours: whether the target knows no other packages than those that come with it, and those on this machine
    :raises DocumentError: if there is no such package, payload or role
    """
    wanted = arguments.own
    if not wanted.package:
        return None, tuple(probes)
    hostile = wanted.role == "hostile"
    models = frozenset(model.name for model in arguments.models if (model.hostile is not None) == hostile)
    if not models:
        raise DocumentError(
            f"{place}: own", f"none of its models is the {wanted.role}", "choose another role"
        )
    path = Path(wanted.package)
    here = path.absolute() if path.exists() else None
    named_by_path = len(path.parts) > 1 or wanted.package.endswith(ARCHIVES)
    if ours and named_by_path and here is None:
        raise DocumentError(
            wanted.package, "there is no such package", "name a directory, model.tar.gz or .mar"
        )
    payload = read_value(Path(wanted.payload)) if wanted.payload else None
    if hostile:
        inferences = [probe.payload for probe in probes if probe.api in INFERENCES]
        sent: Any = payload if wanted.payload else next(iter(inferences), {})
        return Own(wanted.package, here, models, dict.fromkeys(models, sent)), tuple(probes)
    if wanted.payload:
        probes = [
            probe.model_copy(update={"payload": payload})
            if probe.api in INFERENCES and probe.model in models
            else probe
            for probe in probes
        ]
    return Own(wanted.package, here, models, {}), tuple(probes)


@asynccontextmanager
async def at_hand(own: Own, target: Target) -> AsyncIterator[str]:
    """What a registration calls the package; an archive on this machine is extracted for as long as the context lasts.

    :raises DocumentError: if it is no package, or its archive is none that can be extracted safely
    :raises CapabilityError: if it is on this machine, and the target serves nothing from there
    """
    if own.path is None:
        yield own.package
        return
    if not isinstance(target, Directories):
        raise CapabilityError(
            f"target {target.url}: it serves what its own model store holds, so the package '{own.package}' has to be "
            "put there, and named as it is named there (--var package=NAME)"
        )
    from chaos.handlers.archive import opened  # which most runs have no need of

    with ExitStack() as stack:
        directory = await anyio.to_thread.run_sync(stack.enter_context, opened(own.path))
        try:
            if not is_package(directory):
                raise DocumentError(own.package, "is no handler package", "one holds code/inference.py")
            yield target.package_in(directory)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(stack.close)
