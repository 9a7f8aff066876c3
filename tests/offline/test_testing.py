"""The test of a package: a good one passes all, and for each check there is a package that fails just that."""

from __future__ import annotations

import tarfile
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chaos.errors import DocumentError
from chaos.handlers.packing import pack
from chaos.offline import testing
from chaos.offline.specs import InferenceHandlerSpec, InferenceTestSample
from chaos.sla.results import Verdict
from tests.handlers.isolated import left
from tests.offline.tested import JSON, PATIENT, QUICK, SAMPLES, check, failed, outcome_of, sample, written

ALL = (
    "package", "requirements", "contract", "load", "input_fn", "predict_fn", "output_fn", "transform_fn", "pipeline",
    "samples", "determinism", "statelessness", "threads", "processes", "memory", "loaded once", "secrets",
)  # fmt: skip


def test_a_good_package_passes_all(tmp_path: Path) -> None:
    place = written(tmp_path)
    steps: list[testing.Step] = []
    samples = (*SAMPLES, sample("x", expected=b'["xx"]'))  # 2.0 * "x" raises
    spec = InferenceHandlerSpec(
        handler_name="mine",
        packaged_model_path=str(place),
        test_data_samples=(*SAMPLES, sample(5, expected=b"[10]")),
    )
    result = testing.test_package(spec, testing.TestOptions(**{**QUICK, "parallel": 2}), steps.append)

    assert [each.name for each in result.checks] == list(ALL)
    assert failed(result, "not applicable") == {"requirements", "transform_fn"}
    assert (result.overall_success, result.verdict, result.errors) == (True, Verdict.PASS, ())
    assert failed(result, "pass") == set(ALL) - {"requirements", "transform_fn"}
    assert result.model_fn_result is not None
    assert result.model_fn_result.value == "float 2.0"
    assert [each.value for each in result.predict_fn_results] == ["list of 2 float"] * 2 + ["list of 1 float"]
    runs = result.end_to_end_results
    assert len(runs) == 3 * 2 + 3 * 2 + 3, (
        "each as JSON and as CSV, JSON twice again, and the first of three orders"
    )
    assert sum(run.first for run in runs) == 1 + 3
    assert {run.accept: run.outcome for run in runs} == {JSON: "ok", "text/csv": "raised"}
    assert all(run.success and run.functions.keys() >= {"input_fn", "predict_fn"} for run in runs)
    assert [point.phase for point in result.memory] == ["samples"] * 12 + ["memory"] * 40
    assert [step.phase for step in steps if step.done == step.planned] == [
        "load", "functions", "pipeline", "orders", "memory",
    ]  # fmt: skip
    assert result.limits["call"] == 30.0
    assert outcome_of(place, samples).verdict is Verdict.FAIL, "one more sample, and it is not good any more"


PREDICT = "return [model * value for value in data]"
INPUT = 'return json.loads(data)["values"]'
OUTPUT = "return json.dumps(prediction), accept"
MODEL = "return 2.0"


def first(*lines: str) -> str:
    """Lines of a function's body."""
    return "\n        ".join(lines)


CALLED = "kept = model_fn.__dict__.setdefault('kept', [])"
THREAD = "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
RANDOM = "return [value + os.urandom(4)[0] + os.urandom(4)[1] / 256 for value in data]"


@pytest.mark.parametrize(
    ("changes", "name", "words", "also"),
    [
        ({"predict_fn(data, model)": "predict_fn(data)"}, "contract", "predict_fn takes 1 parameters", ""),
        ({"def model_fn": "def load"}, "contract", "there is no model_fn", ""),
        ({MODEL: "return 1 / 0"}, "load", "model_fn raised ZeroDivisionError: division by zero (code/inf", ""),
        ({"import json": "import jsn"}, "load", "importing it raised ModuleNotFoundError", ""),
        ({"import json": "import sys; sys.exit(3)"}, "load", "ended its process with exit code 3", ""),
        ({INPUT: "json.loads(data)", PREDICT: "return 1"}, "input_fn", "input_fn gave None", ""),
        ({INPUT: INPUT.replace("values", "v")}, "input_fn", "raised KeyError: 'v' (code/inference.py:10)", "pipeline"),
        ({PREDICT: "pass", OUTPUT: "return '3'"}, "predict_fn", "predict_fn gave None", ""),
        ({PREDICT: "return data @ model"}, "predict_fn", "raised TypeError", "pipeline"),
        ({OUTPUT: "return {'values': prediction}"}, "output_fn", "gave a dict, which is neither bytes", ""),
        ({OUTPUT: "return str({1: 2}), accept"}, "output_fn", "the answer is no application/json", "pipeline"),
        ({PREDICT: "return [float('nan') for _ in data]"}, "output_fn", "it holds NaN", "pipeline"),
        (
            {PREDICT: first(CALLED, "kept.append(1)", "if len(kept) > 7: raise ValueError", PREDICT)},
            "pipeline", "raised ValueError", "",
        ),
        ({PREDICT: first("import os", RANDOM)}, "determinism", "a new process answers the same request otherwise", ""),
        (
            {PREDICT: first(CALLED, "kept.append((len(data), [model * each for each in data]))",
                            "return dict(reversed(kept))[len(data)]")},
            "statelessness", "in the reverse order it answers otherwise: 1-2 as application/json at [0]: 2.0 and 6", "",
        ),
        ({PREDICT: first("import threading, time", THREAD, PREDICT)}, "threads", "+29 in 29 calls", ""),
        (
            {MODEL: first("import subprocess", "subprocess.Popen(['sleep', '60'], start_new_session=True)", MODEL)},
            "processes", "1 of its processes lived on when the handler's own had ended", "",
        ),
        (
            {PREDICT: first("import os", CALLED, "kept.append(os.urandom(256 << 10))", PREDICT)},
            "memory", "MiB in 29 calls", "",
        ),
        (
            {MODEL: "return float('2')", PREDICT: first("model = model_fn('.')", PREDICT)},
            "loaded once", "model_fn is called again by", "",
        ),
        ({MODEL: first("import os", "print(os.environ)", MODEL)}, "secrets", "printed AWS_SECRET_ACCESS_KEY", ""),
        (
            {OUTPUT: first("import os", "return json.dumps(os.environ['API_TOKEN'])")},
            "secrets", "answered API_TOKEN of its environment", "determinism",
        ),
        ({INPUT: first("print('AKIAQWERTYUIOPASDFGH')", INPUT)}, "secrets", "looks like a key of AWS, AKIA…", ""),
    ],
)  # fmt: skip
def test_each_check_fails_a_package(
    tmp_path: Path, changes: dict[str, str], name: str, words: str, also: str
) -> None:
    result = outcome_of(written(tmp_path, changes))
    assert words in check(result, name).words, result.checks
    assert failed(result) - {also} == {name}, [each for each in result.checks if each.verdict == "fail"]
    assert not result.overall_success
    assert result.errors[0].startswith(f"{next(iter(n for n in ALL if n in failed(result)))}: ")
    assert "AKIAQWERTY" not in result.model_dump_json()


@pytest.mark.parametrize(
    ("lethal", "outcome"),
    [
        ("import time; time.sleep(60)", "timeout"),
        ("import os; os.abort()", "crashed"),
        ("import os; os._exit(0)", "exited"),
        ("bytearray(8 << 30)", "memory"),
        ("import os\n        while os.fork(): pass\n        import time; time.sleep(60)", "processes"),
    ],
)
def test_what_kills_is_not_tried_for_ever(tmp_path: Path, lethal: str, outcome: str) -> None:
    samples = [sample(number) for number in range(20)]
    limits = replace(PATIENT, call=0.5) if outcome == "timeout" else PATIENT
    result = outcome_of(written(tmp_path, {PREDICT: lethal}), samples, limits=limits)
    assert {"predict_fn", "pipeline"} <= failed(result) <= {"predict_fn", "pipeline", "processes", "memory"}
    assert [each.outcome for each in result.predict_fn_results] == [outcome] * 2
    assert [each.outcome for each in result.end_to_end_results] == [outcome] * 2
    assert "38 requests were not sent after that" in check(result, "pipeline").words
    assert failed(result, "unknown") >= {"determinism", "statelessness", "threads"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"expected": b"[2, 4]"}, ""),
        ({"expected": b"[2, 4.0000001]"}, "the answer is not the expected one, at [1]: 4.0000001 and 4.0"),
        ({"should_succeed": False}, "was answered, and should not be"),
        ({"content_type": "text/csv", "should_succeed": False}, ""),
        ({"content_type": "text/csv", "should_succeed": False, "error_pattern": "^ValueError: no way"}, ""),
        (
            {"content_type": "text/csv", "should_succeed": False, "error_pattern": "KeyError"},
            "failed by 'ValueError: no way to read text/csv', in which 'KeyError' is not found",
        ),
    ],
)
def test_a_sample_turns_out_as_it_says(tmp_path: Path, more: dict[str, Any], words: str) -> None:
    result = outcome_of(written(tmp_path), (sample(5, 6), sample(1, 2, **more)), leak_calls=0)
    assert failed(result) == ({"samples"} if words else set())
    assert words in check(result, "samples").words


def test_types_that_are_stated_have_to_be_answered(tmp_path: Path) -> None:
    place = written(tmp_path)
    stated = outcome_of(place, spec={"supported_accept_types": (JSON, "text/csv")}, leak_calls=0)
    assert failed(stated) == {"output_fn", "pipeline"}
    assert "1-2 as text/csv raised ValueError: no way to write text/csv" in check(stated, "pipeline").words
    one = outcome_of(place, (sample(1, accept="text/csv"),), leak_calls=0)
    assert failed(one) == {"output_fn", "pipeline"}
    none = written(tmp_path / "none", {'if accept != "application/json":': "if True:"})
    assert failed(outcome_of(none, leak_calls=0)) == {"output_fn", "pipeline"}, (
        "at least one type is to be answered"
    )


def test_what_transform_fn_does_is_tested_in_place_of_the_three(tmp_path: Path) -> None:
    code = """
        def model_fn(model_dir): return 2.0
        def transform_fn(model, data, content_type, accept): return data
    """
    good = outcome_of(written(tmp_path / "good", code=code))
    assert (good.verdict, check(good, "transform_fn").verdict) == (Verdict.PASS, "pass")
    assert failed(good, "not applicable") >= {"input_fn", "predict_fn", "output_fn"}
    bad = outcome_of(written(tmp_path / "bad", {"return data": "return 1"}, code))
    assert failed(bad) == {"transform_fn"}


def test_requirements_are_checked(tmp_path: Path) -> None:
    place = written(tmp_path)
    (place / "code" / "requirements.txt").write_text("numpy>=1\nno-such-thing-there-is\n")
    result = outcome_of(place, leak_calls=0)
    assert failed(result) == {"requirements"}
    assert "no-such-thing-there-is is not installed" in check(result, "requirements").words


def test_archives_and_scripts_beside_models(tmp_path: Path) -> None:
    place = written(tmp_path, {MODEL: "return float(open(model_dir + '/weight').read())"})
    (place / "weight").write_text("2.0")
    archive = pack(place, tmp_path / "model.tar.gz")
    assert outcome_of(archive, leak_calls=0).verdict is Verdict.PASS
    model = tmp_path / "files"
    model.mkdir()
    (model / "weight").write_text("3.0")
    spec = {"handler_path": str(place / "code" / "inference.py"), "model_dir": str(model)}
    apart = outcome_of(place, (sample(2, expected=b"[6]"),), spec, leak_calls=0)
    assert (apart.verdict, apart.package) == (Verdict.PASS, spec["handler_path"])


def test_what_is_no_package(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="there is no such package"):
        outcome_of(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    result = outcome_of(tmp_path / "empty")
    assert failed(result) == {"package"}
    assert "no code/inference.py" in check(result, "package").words
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("../out"))
    assert failed(outcome_of(tmp_path / "evil.tar")) == {"package"}


def test_without_samples_nothing_is_told(tmp_path: Path) -> None:
    result = outcome_of(written(tmp_path), ())
    assert (result.verdict, failed(result)) == (Verdict.UNKNOWN, set())
    assert check(result, "pipeline").words == "there are no samples to send"


SCHEMA = {
    "type": "object",
    "properties": {
        "values": {"type": "array", "items": {"type": "number", "minimum": -9, "maximum": 9}, "maxItems": 5}
    },
    "required": ["values"],
}


def test_generated_samples_find_what_kills(tmp_path: Path) -> None:
    good = outcome_of(written(tmp_path / "good"), (), fuzz=60, schema=SCHEMA, leak_calls=0)
    assert (good.verdict, failed(good)) == (Verdict.PASS, set()), good.checks
    evidence = check(good, "generated").evidence
    assert evidence["counts"].keys() == {"answered", "raised", "refused"}
    assert {each["place"] for each in evidence["raised"]} >= {"code/inference.py:10"}
    hung = written(tmp_path / "hung", {INPUT: first("while not data: pass", INPUT)})
    result = outcome_of(hung, fuzz=20, leak_calls=0, limits=replace(PATIENT, call=0.5))
    assert failed(result) == {"generated"}
    assert (
        "empty: did not end within 0.5 s (code/inference.py:10), for ''" in check(result, "generated").words
    )


def test_generated_samples_that_grow_or_are_unpickled(tmp_path: Path) -> None:
    grows = first("if len(data) > 40: model_fn.kept = bytearray(b'x') * (100 << 20)", INPUT)
    result = outcome_of(written(tmp_path / "grows", {INPUT: grows}), fuzz=40, leak_calls=0)
    assert failed(result) == {"generated"}
    assert check(result, "generated").evidence["counts"]["grew"] >= 1
    loads = first(
        "import io, numpy",
        "if content_type.endswith('npy'): numpy.load(io.BytesIO(data), allow_pickle=True)",
        INPUT,
    )
    bad = written(tmp_path / "loads", {"if content_type": "if not content_type", INPUT: loads})
    assert check(outcome_of(bad, fuzz=60, leak_calls=0), "generated").evidence["counts"]["unpickled"] >= 1


def test_without_calls_for_it_memory_is_not_judged(tmp_path: Path) -> None:
    result = outcome_of(written(tmp_path), leak_calls=0)
    assert (result.verdict, check(result, "memory").verdict) == (Verdict.PASS, "not applicable")


def test_nothing_of_a_test_that_is_broken_off_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = uuid.uuid4().hex
    monkeypatch.setenv("CHAOS_TESTED_MARK", token)
    monkeypatch.setattr("tests.handlers.isolated.MARK", "CHAOS_TESTED_MARK")
    place = written(tmp_path, {PREDICT: first("import time", "if data[0]: time.sleep(60)", PREDICT)})
    samples = [sample(number) for number in range(9)]
    spec = InferenceHandlerSpec(
        handler_name="mine", packaged_model_path=str(place), test_data_samples=samples
    )

    def stop(step: testing.Step) -> None:
        if step.done and step.phase == "functions":
            raise KeyboardInterrupt

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        testing.test_package(spec, testing.TestOptions(**{**QUICK, "parallel": 2}), stop)
    assert left(token) == []
    assert time.monotonic() - begin < PATIENT.call, "what was going on was ended, not waited for"


def test_samples_of_one_name_are_not_mixed_up(tmp_path: Path) -> None:
    samples = [InferenceTestSample(data=b'{"values": [%d]}' % number) for number in range(3)]
    result = outcome_of(written(tmp_path), samples, leak_calls=0)
    assert result.verdict is Verdict.PASS
