"""A pipeline's graph, run: scripts and handlers in the order of their edges, those that do not need each other side by
side, and each edge checked with what really went along it.

What depends on a node that failed is not run: it is unknown, and says why.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import chaos
from chaos.handlers.limits import Limits
from chaos.offline.graph_document import GraphDocument, read_graph
from chaos.offline.handler_nodes import run_handler_node
from chaos.offline.nodes import NodeRun, Surroundings
from chaos.offline.results import CheckResult, PipelineResult, verdict_of
from chaos.offline.script_nodes import run_script_node
from chaos.offline.scripts import ScriptLimits
from chaos.offline.specs import InferencePipelineTestingSpec
from chaos.offline.testing import Step, TestOptions
from chaos.offline.wiring import Wire, wires
from chaos.sla.results import Verdict

__all__ = ["GraphDocument", "read_graph", "run_pipeline"]

DEFAULT = Limits()


class _StoppedError(BaseException):
    """All is to end: no node may catch it."""


def run_pipeline(
    spec: InferencePipelineTestingSpec,
    limits: Limits = DEFAULT,
    workspace: Path | None = None,
    heard: Callable[[Step], None] = lambda _: None,
    options: TestOptions | None = None,
    script_limits: ScriptLimits | None = None,
) -> PipelineResult:
    """Run it to its end.

    :param limits: of each handler
    :param workspace: where nodes write that name no path; the specification's, or one that is removed at the end
    :param heard: told of progress, by one thread at a time
    :param options: how handlers are tested, with these limits
    :raises DocumentError: if it is not plain what goes along an edge
    """
    lines = wires(spec)
    with _workspace(workspace, spec.test_workspace_root) as directory:
        return _Running(
            spec, lines, directory, heard, replace(options or TestOptions(), limits=limits), script_limits
        ).run()


class _Running:
    def __init__(
        self,
        spec: InferencePipelineTestingSpec,
        lines: list[Wire],
        workspace: Path,
        heard: Callable[[Step], None],
        options: TestOptions,
        script_limits: ScriptLimits | None,
    ) -> None:
        self._spec, self._lines = spec, lines
        self._heard = heard
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._done: dict[str, NodeRun] = {}
        self._planned = 0
        self._around = Surroundings(
            workspace, options, script_limits or ScriptLimits(), self._stop.is_set, self._say
        )

    def run(self) -> PipelineResult:
        wall, begin = time.time(), time.monotonic()
        levels = self._spec.dag.levels()
        self._planned = sum(map(len, levels))
        for level in levels:
            self._side_by_side(level)
        nodes = tuple(self._done[name].check for level in levels for name in level)
        edges = _whole([edge for level in levels for name in level for edge in self._done[name].edges])
        verdict = verdict_of((*nodes, *edges))
        return PipelineResult(
            name=self._spec.name,
            pipeline_success=verdict is Verdict.PASS,
            verdict=verdict,
            total_execution_time=time.monotonic() - begin,
            levels=tuple(levels),
            nodes=nodes,
            edges=edges,
            script_results={
                name: dict(each.script) for name, each in self._done.items() if each.script is not None
            },
            inference_results={
                name: each.tested for name, each in self._done.items() if each.tested is not None
            },
            errors=tuple(
                f"{check.name}: {check.words}" for check in (*nodes, *edges) if check.verdict == "fail"
            ),
            wall=wall,
            version=chaos.__version__,
        )

    def _side_by_side(self, names: tuple[str, ...]) -> None:
        """Run the nodes of a level. What ends one of them by an error of ours, or ends the wait, ends all."""
        if len(names) == 1:
            self._node(names[0])
            return
        executor = ThreadPoolExecutor(min(len(names), os.cpu_count() or 1), thread_name_prefix="node")
        try:
            futures = [executor.submit(self._node, name) for name in names]
            wait(futures, return_when=FIRST_EXCEPTION)
            for future in futures:
                if future.done():
                    future.result()
        except BaseException:
            self._stop.set()
            raise
        finally:
            executor.shutdown(cancel_futures=True)

    def _node(self, name: str) -> None:
        incoming = [wire for wire in self._lines if wire.destination == name]
        failed = [source for source in self._sources(name) if self._done[source].check.verdict != "pass"]
        if failed:
            ran = self._not_run(name, failed[0])
        else:
            given = [self._done[wire.source].given(wire) for wire in incoming]
            outputs = list(dict.fromkeys(wire.output for wire in self._lines if wire.source == name))
            if name in self._spec.script_specs:
                ran = run_script_node(name, self._spec.script_specs[name], given, outputs, self._around)
            else:
                around = replace(self._around, heard=lambda step: self._say(_of(name, step)))
                handler = self._spec.inference_handlers[name]
                ran = run_handler_node(name, handler, given, bool(outputs), around)
        if self._stop.is_set():
            raise _StoppedError
        with self._lock:
            self._done[name] = ran
            self._heard(Step("nodes", len(self._done), self._planned, f"{name}: {ran.check.words}"))

    def _not_run(self, name: str, source: str) -> NodeRun:
        ended = "failed" if self._done[source].check.verdict == "fail" else "is unknown"
        words = f"not run: {source} {ended}"
        edges = dict.fromkeys(wire.edge for wire in self._lines if wire.destination == name)
        return NodeRun(
            CheckResult(name=name, verdict="unknown", words=words),
            tuple(CheckResult(name=edge, verdict="unknown", words=words) for edge in edges),
        )

    def _sources(self, name: str) -> list[str]:
        return list(dict.fromkeys(wire.source for wire in self._lines if wire.destination == name))

    def _say(self, step: Step) -> None:
        with self._lock:
            if self._stop.is_set():
                raise _StoppedError
            self._heard(step)


def _whole(edges: list[CheckResult]) -> tuple[CheckResult, ...]:
    """One check for each edge, whatever goes along it."""
    found: dict[str, CheckResult] = {}
    for edge in edges:
        first = found.setdefault(edge.name, edge)
        if first is not edge:
            words = f"{first.words}; {edge.words}"
            found[edge.name] = first.model_copy(
                update={"verdict": verdict_of((first, edge)).value, "words": words}
            )
    return tuple(found.values())


def _of(name: str, step: Step) -> Step:
    return Step(f"{name}: {step.phase}", step.done, step.planned, step.words)


@contextmanager
def _workspace(given: Path | None, named: str) -> Iterator[Path]:
    directory = given or (Path(named) if named else None)
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        yield directory.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="chaos-pipeline-") as name:
        yield Path(name)
