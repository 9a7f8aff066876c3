"""What a node of a pipeline gets, and how it ended; see :mod:`chaos.offline.graph`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.offline.results import CheckResult, InferenceTestResult
from chaos.offline.scripts import ScriptLimits
from chaos.offline.testing import Step, TestOptions
from chaos.offline.wiring import Wire

__all__ = ["Given", "NodeRun", "Surroundings", "counted", "not_run", "unfit_node"]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all nodes of a run share.

    :param workspace: where they write
    :param stopped: whether all is to end
    """

    workspace: Path
    options: TestOptions
    script_limits: ScriptLimits
    stopped: Callable[[], bool]
    heard: Callable[[Step], None]

    def at(self, node: str, *parts: str) -> Path:
        """A place of a node's own in the workspace."""
        return self.workspace.joinpath(re.sub(r"[^A-Za-z0-9_.-]|^[.]+", "_", node), *parts)


@dataclass(frozen=True, slots=True)
class Given:
    """What comes along one wire.

    :param path: where the output was written
    :param written: the files that were written there
    :param files: those of them that can be the body of a request
    :param lacking: why there is none of the latter, if so
    """

    wire: Wire
    path: Path
    written: tuple[Path, ...]
    files: tuple[Path, ...]
    lacking: str = ""


@dataclass(frozen=True, slots=True)
class NodeRun:
    """How a node ended, and its edges from the nodes before it.

    :param outputs: where it wrote, by output
    :param written: the files that it wrote there
    :param files: those of them that can be the body of a request
    :param lacking: why there is none of the latter at all, if so
    """

    check: CheckResult
    edges: tuple[CheckResult, ...] = ()
    outputs: Mapping[str, Path] = field(default_factory=dict)
    written: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    files: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    lacking: str = ""
    script: Mapping[str, Any] | None = None
    tested: InferenceTestResult | None = None

    def given(self, wire: Wire) -> Given:
        """What goes along a wire from here."""
        files = self.files.get(wire.output, ())
        lacking = "" if files else self.lacking or f"no data was written as '{wire.output}'"
        return Given(wire, self.outputs[wire.output], self.written.get(wire.output, ()), files, lacking)


def not_run(name: str, given: Sequence[Given]) -> NodeRun:
    """A node that could not be run for want of what should come along some of its edges."""
    empty = next(each for each in given if not each.written)
    why = f"{empty.wire.source} gave it nothing"
    edges = tuple(
        CheckResult(name=each.wire.edge, verdict="unknown", words=f"not read: {why}")
        if each.written
        else CheckResult(name=each.wire.edge, verdict="fail", words=f"nothing came: {each.lacking}")
        for each in given
    )
    return NodeRun(CheckResult(name=name, verdict="unknown", words=f"not run: {why}"), edges)


def unfit_node(name: str, given: Sequence[Given], why: str) -> NodeRun:
    """A node that cannot be run as it is specified."""
    edges = tuple(
        CheckResult(name=each.wire.edge, verdict="unknown", words=f"not read: {name} cannot be run")
        for each in given
    )
    return NodeRun(CheckResult(name=name, verdict="fail", words=why), edges)


def counted(files: int) -> str:
    """Such as ``2 files``."""
    return "1 file" if files == 1 else f"{files} files"
