"""A model scaled back to what it was, from a record in the ledger alone: by whichever process is left to do it."""

from __future__ import annotations

import re
import time
from typing import Any

import anyio
import psutil

from chaos.errors import TargetError
from chaos.faults.base import FaultError, RevertError, Undo
from chaos.faults.processes import Known
from chaos.targets.base import Scale, Target, need
from chaos.targets.embedded import Embedded
from chaos.targets.http import RefusedError, UnreachableError
from chaos.targets.registry import adapters, open_by_url
from chaos.targets.url import TargetURL

__all__ = ["scale_back", "undo_scaling"]

SECONDS = 15.0
"""For scaling back, tries that failed included."""
GONE_SECONDS = 2.0
"""A target that cannot be reached for so long is gone; before that, another fault may be about to be reverted."""
AGAIN_SECONDS = 0.3


def undo_scaling(target: Target, model: str, workers: int) -> Undo:
    """What :func:`scale_back` needs to know, to be written down before the model is touched.

    The embedded platform is named by its address, and by the process with which it ends.

    :raises FaultError: if the target's URL has a token in it, which the ledger must not have
    """
    undo: dict[str, Any] = {"url": target.url, "model": model, "workers": workers, "root": None}
    if isinstance(target, Embedded) and target.address is not None:
        undo["url"] = target.address.text
        for pid in target.pids():
            undo["root"] = Known.of(pid, psutil.Process(pid).create_time()).to_json()
    if re.search(r"token=…", undo["url"]):
        raise FaultError(
            "it could not be reverted by another process, which must not find a token in the ledger: name the token "
            "in the target URL instead of writing it (token=env:NAME)"
        )
    undo["allow"] = TargetURL.parse(undo["url"], adapters()).hosts()
    return undo


async def scale_back(undo: Undo) -> str:
    """Scale the model to as many workers as it had; say in words what was done. Idempotent.

    :raises RevertError: if the target is there and does not do it
    """
    model, workers = undo["model"], undo["workers"]
    root, problem = undo["root"], "it has not come to that number"
    began = time.monotonic()
    with anyio.move_on_after(SECONDS):
        while True:
            if root is not None and Known.from_json(root).status == "gone":
                return "the embedded platform is gone, and its models with it"
            try:
                await _scale(undo)
                return f"scaled model '{model}' to {workers} workers, as before"
            except UnreachableError as error:
                problem = str(error)
                if root is None and time.monotonic() - began > GONE_SECONDS:
                    return "the target is gone, and its models with it"
            except TargetError as error:
                if isinstance(error, RefusedError) and error.status == 404:
                    return f"model '{model}' is gone"
                problem = str(error)
            await anyio.sleep(AGAIN_SECONDS)  # one that is about to end, or to start again, answers like this
    raise RevertError(
        f"model '{model}' could not be scaled back within {SECONDS:g} s: {problem} "
        f"(scale it to {workers} workers by hand)"
    )


async def _scale(undo: Undo) -> None:
    target = open_by_url(undo["url"], allow=undo["allow"])
    try:
        await target.open()
        await need(target, Scale).scale(undo["model"], undo["workers"])
    finally:
        with anyio.CancelScope(shield=True):
            await target.close()
