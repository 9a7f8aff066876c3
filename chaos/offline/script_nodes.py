"""A script as a node of a pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chaos.errors import DocumentError
from chaos.offline.compatibility import wrote_nothing
from chaos.offline.nodes import Given, NodeRun, Surroundings, counted, not_run, unfit_node
from chaos.offline.results import CheckResult
from chaos.offline.scripts import DATA_OUTPUT, ScriptRun, run_script
from chaos.offline.specs import ScriptExecutionSpec

__all__ = ["run_script_node"]


def run_script_node(
    name: str, spec: ScriptExecutionSpec, given: Sequence[Given], outputs: Sequence[str], around: Surroundings
) -> NodeRun:
    """Run a script on what it is given.

    :param outputs: the names of those that are wanted behind it
    """
    if not all(each.written for each in given):
        return not_run(name, given)
    inputs = {each.wire.input: str(each.path) for each in given if not each.wire.wired}
    wanted = list(dict.fromkeys([*spec.output_paths, *outputs])) or [DATA_OUTPUT]
    paths = {each: spec.output_paths.get(each) or str(around.at(name, each)) for each in wanted}
    filled = spec.model_copy(update={"input_paths": {**spec.input_paths, **inputs}, "output_paths": paths})
    try:
        ran = run_script(filled, around.workspace, around.script_limits, around.stopped)
    except DocumentError as error:
        return unfit_node(name, given, str(error))
    files = {output: each.files for output, each in ran.written.items()}
    count = sum(map(len, files.values()))
    failed = "" if ran.success else ran.error + (f" ({ran.place})" if ran.place else "")
    check = CheckResult(
        name=name,
        verdict="fail" if failed else "pass",
        words=f"it failed: {failed}" if failed else f"it ended well, and wrote {counted(count)} of data",
        evidence={"kind": "script", "outcome": ran.outcome, "seconds": ran.seconds, "files": _names(ran)},
    )
    return NodeRun(
        check,
        tuple(_edge(each, failed) for each in given),
        ran.outputs,
        {output: (*each.files, *each.others) for output, each in ran.written.items()},
        files,
        "" if count else wrote_nothing(ran),
        script=_document(ran),
    )


def _edge(given: Given, failed: str) -> CheckResult:
    what = f"{counted(len(given.written))} as its input '{given.wire.input}'"
    return CheckResult(
        name=given.wire.edge,
        verdict="fail" if failed else "pass",
        words=f"{what}: " + (f"the script failed: {failed}" if failed else "the script ended well"),
        evidence={"files": [path.name for path in given.written], "input": given.wire.input},
    )


def _document(ran: ScriptRun) -> Mapping[str, Any]:
    return {
        "success": ran.success,
        "outcome": ran.outcome,
        "seconds": ran.seconds,
        "error": ran.error,
        "place": ran.place,
        "printed": ran.printed,
        "files": _names(ran),
    }


def _names(ran: ScriptRun) -> dict[str, list[str]]:
    return {
        output: [path.name for path in (*written.files, *written.others)]
        for output, written in ran.written.items()
    }
