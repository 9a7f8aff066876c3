"""Results of tests of handlers, as they might be, for the reports."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

from chaos.offline.results import (
    CallResult,
    CheckResult,
    CompatibilityResult,
    InferenceTestResult,
    MemoryPoint,
    Outcome,
    PipelineResult,
    RunResult,
    TypeTried,
    verdict_of,
)
from chaos.sla.results import Verdict

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\x00\x1b[31m\ud800"
WALL = 1_790_000_000.0
MEBI = 1 << 20


def check(name: str, verdict: str, words: str, **more: Any) -> CheckResult:
    return CheckResult.model_validate({"name": name, "verdict": verdict, "words": words, **more})


def run(sample: str, number: int = 1, *, outcome: Outcome = "ok", **more: Any) -> RunResult:
    drawn = random.Random(f"{sample!r} {number}")
    functions = {
        "input_fn": drawn.lognormvariate(-8.5, 0.3),
        "predict_fn": drawn.lognormvariate(-5.2, 0.25) * (9 if number == 0 else 1),
        "output_fn": drawn.lognormvariate(-9.3, 0.4),
    }
    given: Mapping[str, Any] = {
        "sample": sample,
        "content_type": "application/json",
        "accept": "application/json",
        "success": outcome == "ok",
        "outcome": outcome,
        "seconds": sum(functions.values()) + 2e-5,
        "first": number == 0,
        "functions": functions,
        "sent_bytes": 28,
        "sent_start": '{"values": [1.0, 2.0, 3.0]}\n',
        "answer_type": "application/json" if outcome == "ok" else "",
        "answer_bytes": 15 if outcome == "ok" else 0,
        "answer_digest": "9f86d081884c7d659a2feaa0c55ad015" * 2 if outcome == "ok" else "",
        "answer_start": "[2.0, 4.0, 6.0]" if outcome == "ok" else "",
        "memory": 96 * MEBI,
        **more,
    }
    return RunResult.model_validate(given)


def memory(a_call: float, calls: int = 240) -> tuple[MemoryPoint, ...]:
    """What is held: it settles while samples are run, and grows by so many bytes a call after."""
    noise = random.Random(5)
    settled = [96 * MEBI * (1 - 0.12 * math.exp(-number / 9)) for number in range(40)]
    grown = [settled[-1] + a_call * number for number in range(calls)]
    return tuple(
        MemoryPoint(
            calls=number,
            resident=int(value + noise.gauss(0, 40_000)),
            phase="samples" if number < 40 else "leak",
        )
        for number, value in enumerate([*settled, *grown])
    )


def _result(checks: tuple[CheckResult, ...], **more: Any) -> InferenceTestResult:
    verdict = verdict_of(checks)
    given: Mapping[str, Any] = {
        "handler_name": "iris",
        "package": "models/iris.tar.gz",
        "overall_success": verdict is Verdict.PASS,
        "verdict": verdict,
        "total_execution_time": 7.31,
        "checks": checks,
        "limits": {
            "memory": 2.0 * 1024 * MEBI,
            "cpu": 60,
            "call": 10,
            "load": 60,
            "processes": 32,
            "printed": 65536,
        },
        "seed": 7,
        "wall": WALL,
        "version": "0.5.0",
        "replay": "chaos handler test models/iris.tar.gz --payloads payloads --seed 7",
        **more,
    }
    return InferenceTestResult.model_validate(given)


def passing() -> InferenceTestResult:
    """A handler that is fit to be deployed."""
    checks = (
        check("package", "pass", "a directory of 3 files, 12 KiB, with model_fn, input_fn and predict_fn of its own"),
        check("requirements", "not applicable", "there is no code/requirements.txt"),
        check("contract", "pass", "the functions take what the toolkit gives them"),
        check("load", "pass", "model_fn gave a LogisticRegression", estimate=0.82, limit=60.0, unit="s"),
        check("input_fn", "pass", "all 12 calls gave a value"),
        check("predict_fn", "pass", "all 12 calls gave a value"),
        check("output_fn", "pass", "all 24 calls gave bytes or text"),
        check("transform_fn", "not applicable", "the package has none"),
        check("pipeline", "pass", "all 24 requests went as they should"),
        check("determinism", "pass", "the same request has the same answer, 12 of 12 times"),
        check("statelessness", "pass", "the order of samples does not matter"),
        check("threads", "pass", "no thread more than after the first call", estimate=0.0, limit=0.0, unit="threads"),
        check(
            "memory", "pass", "it comes to rest", estimate=120.0, low=-310.0, high=540.0, limit=4096.0, unit="B/call",
            evidence={"calls": 240, "p": 0.31},
        ),
        check("secrets", "pass", "nothing of what is secret was printed or answered"),
    )  # fmt: skip
    runs = tuple(
        run(f"sample-{number}.json", repeat, accept=accept)
        for number in range(6)
        for repeat in range(4)
        for accept in ("application/json", "text/csv")
    )
    calls = tuple(
        CallResult(
            function="input_fn",
            success=True,
            outcome="ok",
            seconds=1e-4,
            sample=f"sample-{number}.json",
            content_type="application/json",
            value="ndarray float64 (1, 4)",
        )
        for number in range(6)
    )
    return _result(
        checks,
        model_fn_result=CallResult(
            function="model_fn", success=True, outcome="ok", seconds=0.82, value="LogisticRegression"
        ),
        input_fn_results=calls,
        end_to_end_results=runs,
        memory=memory(120.0),
    )


MADE = {
    "samples": 5,
    "counts": {"raised": 2, "answered": 2, "timeout": 1},
    "kinds": {"missing field": {"raised": 2, "answered": 1}, "nesting": {"timeout": 1, "answered": 1}},
    "faults": [
        {
            "kind": "nesting", "content_type": "application/json", "sent": "[[[[", "bytes": 200_000,
            "taken": "timeout", "error": "did not end within 10 s", "place": "code/inference.py:20",
        }
    ],
    "raised": [
        {
            "kind": "missing field", "content_type": "application/json", "sent": "{}", "bytes": 2,
            "taken": "raised", "error": "KeyError: 'values'", "place": "code/inference.py:14",
        }
    ],
}  # fmt: skip


def failing() -> InferenceTestResult:
    """One that raises for a sample, and leaks."""
    checks = (
        check("load", "pass", "model_fn gave a float", estimate=0.004, limit=60.0, unit="s"),
        check("input_fn", "fail", "1 of 2 calls raised: KeyError: 'instances' (code/inference.py:14)"),
        check("pipeline", "fail", "4 of 8 requests did not go as they should", estimate=0.5, limit=0.0, unit="share"),
        check("determinism", "unknown", "the handler did not answer often enough", evidence={"passes": 0}),
        check("generated", "fail", "nesting: did not end within 10 s; of 5 samples 2 raised", evidence=MADE),
        check(
            "memory", "fail", "each call leaves something", estimate=262_200.0, low=260_000.0, high=265_100.0,
            limit=4096.0, unit="B/call", evidence={"calls": 240, "p": 1e-9},
        ),
    )  # fmt: skip
    wrong = {"error": "KeyError: 'instances'", "place": "code/inference.py:14"}
    return _result(
        checks,
        input_fn_results=(
            CallResult(
                function="input_fn", success=False, outcome="raised", seconds=2e-5, sample="two.json",
                content_type="application/json", **wrong,
            ),
            CallResult(
                function="input_fn", success=True, outcome="ok", seconds=3e-5, sample="one.json", value="list (3)"
            ),
        ),
        end_to_end_results=(
            *(run("one.json", number) for number in range(4)),
            *(run("two.json", each, outcome="raised", functions={}, seconds=3e-5, **wrong) for each in (1, 2, 3, 4)),
            run("three.json", 3, success=False, expected=False),
        ),
        memory=memory(262_144.0),
        printed="loading\nloaded 3 trees\n",
        errors=(
            "input_fn: 1 of 2 calls raised: KeyError: 'instances' (code/inference.py:14)",
            "the disk is full",
        ),
    )  # fmt: skip


def undecided() -> InferenceTestResult:
    """One without samples."""
    return _result((check("load", "pass", "loads"), check("samples", "unknown", "there are no samples")))


def hostile() -> InferenceTestResult:
    """Texts that would like to be more."""
    return _result(
        (check(HOSTILE, "fail", HOSTILE, evidence={HOSTILE: [HOSTILE, float("nan")]}, unit=HOSTILE, estimate=1.0),),
        handler_name=HOSTILE,
        package=HOSTILE,
        input_fn_results=(
            CallResult(
                function="input_fn", success=False, outcome="raised", seconds=1.0, sample=HOSTILE, error=HOSTILE,
                place=HOSTILE, value=HOSTILE, validation=(HOSTILE,),
            ),
        ),
        end_to_end_results=(
            run(HOSTILE, 2, functions={HOSTILE: 0.0}, sent_start=HOSTILE, answer_start=HOSTILE, answer_type=HOSTILE),
        ),
        memory=(MemoryPoint(calls=1, resident=0, phase=HOSTILE),),
        printed=HOSTILE,
        errors=(HOSTILE,),
        replay=HOSTILE,
    )  # fmt: skip


def _tried(file: str, content_type: str, fits: bool, **more: Any) -> TypeTried:
    call: Mapping[str, Any] = {
        "function": "input_fn",
        "success": fits,
        "outcome": "ok" if fits else "refused",
        "seconds": 3e-4,
        "value": "ndarray float64 (150, 4)" if fits else "",
        "error": "" if fits else f"UnsupportedFormatError: {content_type}",
        **more,
    }
    return TypeTried(file=file, content_type=content_type, fits=fits, call=CallResult.model_validate(call))


def compatible(fits: bool = True) -> CompatibilityResult:
    """A script before a handler: its table can be read, or cannot."""
    return CompatibilityResult(
        script="preprocess.py",
        handler_name="iris",
        compatible=fits,
        script_success=True,
        script_seconds=1.4,
        content_type="text/csv" if fits else "",
        files=("out/part-0.csv",),
        tried=(
            _tried(
                "out/part-0.csv",
                "text/csv",
                fits,
                **({} if fits else {"outcome": "raised", "error": "ValueError: x"}),
            ),
            _tried(
                "out/part-0.csv",
                "application/json",
                False,
                error="JSONDecodeError: Extra data: line 1 column 4",
            ),
        ),
        printed="150 rows\n",
        error="" if fits else "part-0.csv as text/csv: input_fn raised ValueError: x",
        total_execution_time=3.2,
        wall=WALL,
        version="0.5.0",
        replay="chaos handler compat preprocess.py models/iris.tar.gz",
    )


def pipeline() -> PipelineResult:
    """Two scripts side by side before two handlers; one edge does not hold."""
    nodes = (
        check("prepare", "pass", "it ended well after 1.4 s and wrote 2 files"),
        check("enrich", "pass", "it ended well after 0.3 s and wrote 1 file"),
        check("iris", "pass", "its own tests hold"),
        check("scoring-of-all-the-customers", "fail", "its own tests do not hold: input_fn"),
    )
    edges = (
        check("prepare -> iris", "pass", "part-0.csv can be read as text/csv"),
        check("enrich -> iris", "pass", "extra.json can be read as application/json"),
        check("iris -> scoring-of-all-the-customers", "fail", "no content type fits the answer of iris"),
    )
    return PipelineResult(
        name="customers",
        pipeline_success=False,
        verdict=Verdict.FAIL,
        total_execution_time=21.0,
        levels=(("prepare", "enrich"), ("iris",), ("scoring-of-all-the-customers",)),
        nodes=nodes,
        edges=edges,
        script_results={"prepare": {"success": True, "seconds": 1.4}},
        inference_results={"iris": passing(), "scoring-of-all-the-customers": failing()},
        errors=("iris -> scoring-of-all-the-customers: no content type fits",),
        wall=WALL,
        version="0.5.0",
        replay="chaos handler pipeline graph.json",
    )


def broken() -> PipelineResult:
    """Hostile names in a graph."""
    name = HOSTILE
    return PipelineResult(
        name=name,
        pipeline_success=False,
        verdict=Verdict.FAIL,
        total_execution_time=0.0,
        levels=((name,), ("b",)),
        nodes=(check(name, "fail", name),),
        edges=(check(f"{name} -> b", "fail", name), check("nowhere", "fail", "x")),
        script_results={name: {name: name}},
        errors=(name,),
    )
