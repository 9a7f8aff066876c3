"""A pipeline's graph runs in order, its edges carry what was really written, and a failure is told where it is."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from chaos.offline.graph import read_graph, run_pipeline
from chaos.offline.scripts import ScriptLimits
from chaos.offline.specs import (
    InferenceHandlerSpec,
    InferencePipelineTestingSpec,
    PipelineDAG,
    ScriptExecutionSpec,
)
from chaos.offline.testing import Step
from tests.offline.graphs import (
    COLLECT,
    FAILS,
    MODEL,
    NOTHING,
    QUICK,
    ROWS,
    graph,
    package,
    run,
    verdicts,
    words,
    written,
)


def test_from_a_script_through_handlers_to_a_script(tmp_path: Path) -> None:
    package(tmp_path)
    written(tmp_path, prepare=ROWS, collect=COLLECT)
    (tmp_path / "raw.csv").write_text("a,b\n1,2\n3,4\n")
    steps: list[Step] = []
    result = run(
        tmp_path,
        {
            "prepare": {"script": "prepare.py", "inputs": {"raw": "raw.csv"}},
            "double": {"handler": "model", "payloads": "payloads"},
            "again": {"handler": "model"},
            "collect": {"script": "collect.py"},
        },
        [["prepare", "double"], ["double", "again"], ["double", "collect"]],
        heard=steps.append,
    )

    assert verdicts(result) == dict.fromkeys(
        [
            "prepare",
            "double",
            "again",
            "collect",
            "prepare -> double",
            "double -> again",
            "double -> collect",
        ],
        "pass",
    ), result.errors
    assert result.pipeline_success
    assert result.verdict == "pass"
    assert result.levels == (("prepare",), ("double",), ("again", "collect"))
    assert result.name == "graph"
    assert words(result, "prepare -> double") == "1 file as text/csv"
    assert words(result, "double -> again") == "1 file as application/json"
    assert result.script_results["collect"]["files"] == {"data_output": ["total.json"]}
    assert json.loads((tmp_path / "work/collect/data_output/total.json").read_text()) == {"values": [6.0]}
    assert set(result.inference_results) == {"double", "again"}
    assert [step.words.partition(":")[0] for step in steps if step.phase == "nodes"][:2] == [
        "prepare",
        "double",
    ]
    assert any(step.phase.startswith("double: ") for step in steps)


def test_what_depends_on_a_failure_is_not_run(tmp_path: Path) -> None:
    package(tmp_path)
    written(tmp_path, fails=FAILS, beside=NOTHING, after=COLLECT)
    result = run(
        tmp_path,
        {
            "fails": {"script": "fails.py"},
            "beside": {"script": "beside.py"},
            "serve": {"handler": "model", "payloads": "payloads"},
            "after": {"script": "after.py"},
        },
        [["fails", "serve"], ["serve", "after"]],
    )

    assert verdicts(result) == {
        "fails": "fail",
        "beside": "pass",
        "serve": "unknown",
        "after": "unknown",
        "fails -> serve": "unknown",
        "serve -> after": "unknown",
    }
    assert not result.pipeline_success
    assert words(result, "fails") == "it failed: KeyError: 'label' (fails.py:2)"
    assert words(result, "serve") == "not run: fails failed"
    assert words(result, "after") == "not run: serve is unknown"
    assert result.errors == ("fails: it failed: KeyError: 'label' (fails.py:2)",)
    assert result.inference_results == {}


def test_an_edge_fails_though_both_ends_are_sound(tmp_path: Path) -> None:
    package(tmp_path)
    written(tmp_path, prepare=ROWS.replace("rows[1:]", "rows"))
    (tmp_path / "raw.csv").write_text("a,b\n1,2\n")
    result = run(
        tmp_path,
        {
            "prepare": {"script": "prepare.py", "inputs": {"raw": "raw.csv"}},
            "serve": {"handler": "model", "payloads": "payloads"},
        },
        [["prepare", "serve"]],
    )

    assert verdicts(result) == {"prepare": "pass", "serve": "pass", "prepare -> serve": "fail"}
    assert not result.pipeline_success
    assert "its first line is a header (a, b), not data" in words(result, "prepare -> serve")


def test_a_script_that_gives_nothing(tmp_path: Path) -> None:
    written(tmp_path, silent=NOTHING, collect=COLLECT)
    result = run(
        tmp_path,
        {"silent": {"script": "silent.py"}, "collect": {"script": "collect.py"}},
        [["silent", "collect"]],
    )

    assert verdicts(result) == {"silent": "pass", "collect": "unknown", "silent -> collect": "fail"}
    assert words(result, "silent -> collect").startswith("nothing came: the script wrote no file to")
    assert words(result, "collect") == "not run: silent gave it nothing"


def test_a_script_that_cannot_use_what_it_is_given(tmp_path: Path) -> None:
    written(tmp_path, prepare=ROWS, collect=COLLECT)
    (tmp_path / "raw.csv").write_text("a\n1\n")
    result = run(
        tmp_path,
        {
            "prepare": {"script": "prepare.py", "inputs": {"raw": "raw.csv"}},
            "collect": {"script": "collect.py"},
        },
        [{"from": "prepare", "to": "collect", "input": "answers"}],
    )

    assert verdicts(result) == {"prepare": "pass", "collect": "fail", "prepare -> collect": "fail"}
    assert "1 file as its input 'answers': the script failed: TypeError" in words(
        result, "prepare -> collect"
    )


def test_a_handler_that_fails(tmp_path: Path) -> None:
    package(tmp_path, MODEL.replace("return [model", "raise OSError('no gpu')\n    return [model"))
    result = run(tmp_path, {"serve": {"handler": "model", "payloads": "payloads"}}, [])

    assert verdicts(result) == {"serve": "fail"}
    assert "no gpu" in words(result, "serve")
    assert not result.inference_results["serve"].overall_success


def test_the_package_and_the_samples_may_come_by_edges(tmp_path: Path) -> None:
    written(
        tmp_path,
        pack=f"""
import pathlib, tarfile

def main(output_paths):
    source = pathlib.Path(output_paths["model"], "inference.py")
    source.write_text({MODEL!r})
    with tarfile.open(source.with_name("model.tar.gz"), "w:gz") as archive:
        archive.add(source, "code/inference.py")
    pathlib.Path(output_paths["payload"], "one.json").write_text('{{"values": [1]}}')
""",
    )
    result = run(
        tmp_path,
        {
            "pack": {"script": "pack.py", "outputs": {"model": "", "payload": ""}},
            "serve": {"handler": "model.tar.gz"},
        },
        [
            {"from": "pack", "to": "serve", "output": "model", "input": "handler"},
            {"from": "pack", "to": "serve", "output": "payload", "input": "payloads"},
        ],
    )

    assert verdicts(result) == {"pack": "pass", "serve": "pass", "pack -> serve": "pass"}, result.errors
    assert words(result, "pack -> serve") == "model is its package; payload is its directory of samples"
    assert result.inference_results["serve"].end_to_end_results[0].sample == "one.json"


def test_a_command_runs_beside_the_document(tmp_path: Path) -> None:
    written(tmp_path, copy="import shutil, sys; shutil.copy(*sys.argv[1:])")
    (tmp_path / "raw.csv").write_text("1")
    result = run(
        tmp_path,
        {
            "first": {
                "command": [sys.executable, "copy.py", "{input:raw}", "{output:rows}/a.csv"],
                "inputs": {"raw": "raw.csv"},
                "outputs": {"rows": ""},
            },
            "second": {
                "command": [sys.executable, "copy.py", "{input:raw}/a.csv", "{output:data_output}"],
                "inputs": {"raw": ""},
            },
        },
        [["first", "second"]],
    )

    assert verdicts(result) == {"first": "pass", "second": "pass", "first -> second": "pass"}, result.errors
    assert (tmp_path / "work/second/data_output/a.csv").read_text() == "1"


def test_independent_nodes_run_side_by_side(tmp_path: Path) -> None:
    """Each waits for the other: one after the other they would never end."""
    meet = """
import pathlib, time

def main(job_args):
    pathlib.Path(job_args.own).touch()
    while not pathlib.Path(job_args.other).exists():
        time.sleep(0.01)
"""
    written(tmp_path, meet=meet)
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    result = run(
        tmp_path,
        {
            "one": {"script": "meet.py", "arguments": {"own": a, "other": b}},
            "two": {"script": "meet.py", "arguments": {"own": b, "other": a}},
        },
        [],
        script_limits=ScriptLimits(seconds=60),
    )

    assert verdicts(result) == {"one": "pass", "two": "pass"}


def sleepers(directory: Path) -> InferencePipelineTestingSpec:
    """Two scripts, each of which says its process id and sleeps."""
    says = "open(job_args.own, 'w').write(str(os.getpid()))"
    text = f"import os, time\ndef main(job_args):\n    {says}\n    time.sleep(300)\n"
    written(directory, sleep=text)
    return read_graph(
        graph(
            directory,
            {
                name: {"script": "sleep.py", "arguments": {"own": str(directory / name)}}
                for name in ("one", "two")
            },
            [],
        )
    )


def pids(directory: Path) -> list[int]:
    paths = [directory / "one", directory / "two"]
    while not all(path.exists() and path.read_text() for path in paths):
        time.sleep(0.02)
    return [int(path.read_text()) for path in paths]


@pytest.mark.parametrize("by", ["heard", "signal"])
def test_whatever_breaks_it_off_ends_all(tmp_path: Path, by: str) -> None:
    class BrokenOff(BaseException):
        pass

    def broken(*_: object) -> None:
        raise BrokenOff

    spec = sleepers(tmp_path)
    found: list[int] = []
    if by == "signal":
        signal.signal(signal.SIGUSR1, broken)

        def interrupt() -> None:
            found.extend(pids(tmp_path))
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

        helper = threading.Thread(target=interrupt)
        helper.start()
        more: dict[str, Any] = {}
    else:
        # one of the two ends, and telling of it fails
        text = (tmp_path / "sleep.py").read_text()
        (tmp_path / "sleep.py").write_text(
            text.replace("300", "300 if job_args.own.endswith('one') else 0.5")
        )
        more = {"heard": broken}
    with pytest.raises(BrokenOff):
        run_pipeline(spec, workspace=tmp_path / "work", options=QUICK, **more)
    if by == "signal":
        helper.join()
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    for pid in found or pids(tmp_path):
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_specifications_in_python_are_run_where_they_say(tmp_path: Path) -> None:
    package(tmp_path)
    written(tmp_path, prepare=ROWS)
    (tmp_path / "raw.csv").write_text("a\n1\n")
    spec = InferencePipelineTestingSpec(
        dag=PipelineDAG(nodes=("prep", "serve"), edges=(("prep", "serve"),)),
        script_specs={
            "prep": ScriptExecutionSpec(
                script_name="prep",
                script_path=str(tmp_path / "prepare.py"),
                input_paths={"raw": str(tmp_path / "raw.csv")},
                output_paths={"data_output": str(tmp_path / "processed")},
            )
        },
        inference_handlers={
            "serve": InferenceHandlerSpec(
                handler_name="serve", handler_path=str(tmp_path / "model" / "code" / "inference.py")
            )
        },
        test_workspace_root=str(tmp_path / "root"),
    )
    result = run_pipeline(spec, options=QUICK)

    assert result.pipeline_success, result.errors
    assert (tmp_path / "processed" / "rows.csv").exists()
    assert (tmp_path / "root").is_dir()
