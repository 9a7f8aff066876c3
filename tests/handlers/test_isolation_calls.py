"""What a call in isolation tells: values, answers, times, places, prints, secrets, and the machine that it takes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from chaos.cgroups import make_group
from chaos.handlers.isolation import MODEL, Isolated, Kept, Limits
from chaos.handlers.package import load_package
from chaos.handlers.residue import Residue, clear_orphans
from tests.handlers.isolated import BODY, JSON, LOAD, PATIENT, isolated, left, predict
from tests.handlers.packages import package, whole

FOUR = """
    import json, time

    def model_fn(model_dir, context):
        return {"weight": 2.0, "name": context.model_name}

    def input_fn(data, content_type):
        if content_type != "application/json":
            raise ValueError(f"cannot read {content_type}")
        return json.loads(data)["values"]

    def predict_fn(data, model):
        time.sleep(0.02)
        if data == ["odd"]:
            return object()
        return [model["weight"] * value for value in data]

    def output_fn(prediction, accept):
        if accept == "text/csv":
            return ",".join(map(str, prediction)), accept
        return (piece for piece in (json.dumps(prediction)[:1], json.dumps(prediction)[1:]))
"""
VALUES = b'{"values": [1, 2]}'


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Isolated]:
    directory = package(tmp_path_factory.mktemp("four"), FOUR)
    with Isolated(directory, model_name="four") as handler:
        yield handler


def test_each_function_alone(four: Isolated) -> None:
    load = four.load()
    assert (load.function, load.outcome, load.loads) == ("model_fn", "ok", 1)
    assert load.value is not None
    assert load.value.words == "dict with 2 keys (weight, name)"
    assert four.own == {"model_fn", "input_fn", "predict_fn", "output_fn"}
    assert four.functions == four.own | {"predict_batch_fn"}
    data = four.call("input_fn", VALUES, JSON)
    assert (data.outcome, data.body) == ("ok", None)
    assert data.kept is not None
    prediction = four.call("predict_fn", data.kept, MODEL)
    assert prediction.value is not None
    assert prediction.value.words == "list of 2 float"
    assert prediction.seconds >= 0.02
    assert prediction.kept is not None
    answers = [four.call("output_fn", prediction.kept, accept) for accept in ("text/csv", "")]
    assert [(each.body, each.content_type) for each in answers] == [
        (b"2.0,4.0", "text/csv"),
        (b"[2.0, 4.0]", JSON),
    ]
    assert [each.value.type for each in answers if each.value] == ["tuple", "generator"]


def test_the_pipeline_is_that_of_a_replica(four: Isolated, tmp_path: Path) -> None:
    here = load_package(package(tmp_path, FOUR))
    for accept in ("text/csv", "", "*/*"):
        run = four.run(VALUES, JSON, accept)
        assert (run.outcome, run.body) == (
            "ok",
            whole(here, VALUES, JSON, "text/csv") if accept == "text/csv" else b"[2.0, 4.0]",
        )
        assert run.functions.keys() == {"input_fn", "predict_fn", "output_fn"}
        assert 0.02 <= run.functions["predict_fn"] <= sum(run.functions.values()) <= run.seconds * 1.0001


def test_equal_values_have_equal_digests_in_another_process(four: Isolated, tmp_path: Path) -> None:
    with Isolated(package(tmp_path, FOUR)) as other:
        one, two, three = (
            handler.call("input_fn", body, JSON).value
            for handler, body in ((four, VALUES), (other, VALUES), (four, b'{"values": [1, 3]}'))
        )
        assert one is not None and two is not None and three is not None  # noqa: PT018
        assert one.digest == two.digest != three.digest
        odd = other.call("predict_fn", other.call("input_fn", b'{"values": ["odd"]}', JSON).kept, MODEL)
        assert odd.value is not None
        assert (odd.value.words, odd.value.digest) == ("object", "")


def test_what_is_raised_is_told_with_its_place(four: Isolated) -> None:
    error = four.run(VALUES, "text/plain")
    assert (error.outcome, error.error, error.error_type) == (
        "raised",
        "cannot read text/plain",
        "ValueError",
    )
    assert (error.status, error.place) == (500, "code/inference.py:9")
    assert list(error.functions) == ["input_fn"]
    late = four.call("predict_fn", four.call("input_fn", b'{"values": [1, null]}', JSON).kept, MODEL)
    assert (late.outcome, late.error_type, late.place) == ("raised", "TypeError", "code/inference.py:16")


def test_who_calls_wrongly_is_told_so(four: Isolated) -> None:
    with pytest.raises(ValueError, match="has no transform_fn"):
        four.call("transform_fn")
    with pytest.raises(ValueError, match="value 999 is not kept"):
        four.call("predict_fn", Kept(999), MODEL)
    with pytest.raises(ValueError, match="a dict cannot be given"):
        four.call("predict_fn", {}, MODEL)
    kept = four.call("input_fn", VALUES, JSON).kept
    assert kept is not None
    four.forget()
    with pytest.raises(ValueError, match="is not kept"):
        four.call("predict_fn", kept, MODEL)
    kept = four.call("input_fn", VALUES, JSON).kept
    four.end()
    gone = four.call("predict_fn", kept, MODEL)
    assert (gone.outcome, gone.restarted) == ("crashed", True)
    assert "had ended before" in gone.error
    assert four.run(VALUES, JSON).outcome == "ok"


@pytest.mark.parametrize(
    ("raised", "outcome", "status"),
    [
        ("UnsupportedFormatError('no')", "refused", 500),
        ("Stated(415)", "refused", 415),
        ("Stated(503)", "raised", 503),
        ("Rude()", "raised", 500),
        ("Hostile()", "raised", 500),
        ("GeneratorExit()", "raised", 500),
    ],
)
def test_refusals_are_told_from_errors(tmp_path: Path, raised: str, outcome: str, status: int) -> None:
    before = """
class UnsupportedFormatError(Exception): pass
class BaseInferenceToolkitError(Exception): pass
class Stated(BaseInferenceToolkitError):
    def __init__(self, status): self.status_code, self.message, self.phrase = status, "said", "so"
class Rude(Exception):
    def __str__(self): raise SystemExit(3)
class Hostile(BaseInferenceToolkitError):
    @property
    def status_code(self): raise SystemExit(3)
"""
    with isolated(tmp_path, predict(f"raise {raised}", before)) as handler:
        run = handler.run(BODY, JSON)
        assert (run.outcome, run.status, handler.alive) == (outcome, status, True), run


def test_values_may_be_hostile(tmp_path: Path) -> None:
    before = """
class Hostile:
    def __getattribute__(self, name): raise SystemExit(3)
    def __repr__(self): raise SystemExit(3)
    def __len__(self): raise SystemExit(3)
"""
    with isolated(tmp_path, predict("return Hostile()", before)) as handler:
        prediction = handler.call("predict_fn", None, MODEL)
        assert prediction.outcome == "ok"
        assert prediction.kept is not None
        assert handler.call("output_fn", prediction.kept, JSON).outcome in ("raised", "exited")


def test_bodies_may_be_large_and_answers_have_a_limit(tmp_path: Path) -> None:
    code = f"{LOAD}def transform_fn(model, data, content_type, accept):\n"
    code += "    return (b'x' * 1000 for _ in iter(int, 1)) if accept == 'endless' else bytes(data)\n"
    with isolated(tmp_path, code, Limits(answer=9_000_000)) as handler:
        body = os.urandom(9_000_000)
        assert handler.run(body, "x/y").body == body
        for accept, sent in (("", body + b"1"), ("endless", b"")):
            over = handler.run(sent, "x/y", accept)
            assert (over.outcome, over.error_type) == ("raised", "AnswerTooLargeError")
        call = handler.call("transform_fn", MODEL, b"endless", "x/y", "endless")
        assert (call.outcome, call.error_type) == ("raised", "AnswerTooLargeError")
        assert handler.alive


def test_what_is_printed_is_kept_up_to_a_limit(tmp_path: Path) -> None:
    code = predict(
        "print('data', data.size)\nsys.stderr.write('error')\n"
        "os.write(1, b'\\xff' * (5 << 20 if data.size > 1 else 1))",
        "import os, sys\nprint('imported')",
    )
    with isolated(tmp_path, code, Limits(printed=1000)) as handler:
        assert handler.load().printed == "imported\n"
        assert handler.run(b"[1]", JSON).printed == "data 1\nerror�"
        printed = handler.run(BODY, JSON).printed
        assert printed.startswith("data 3\nerror�")
        assert printed.endswith(f"… ({(5 << 20) + 12 - 1000} bytes more)")


def test_the_environment_holds_canaries_and_nothing_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET", "mine")
    code = predict(
        "if data.size > 1: print('.' * 5000, os.environ['AWS_SECRET_ACCESS_KEY'])\nreturn dict(os.environ)",
        "import os",
    )
    with isolated(tmp_path, code, Limits(printed=1000)) as handler:
        seen = json.loads(handler.run(b"[1]", JSON).body)
        assert "MY_SECRET" not in seen
        assert handler.canaries.items() <= seen.items()
        assert seen["PATH"] == os.environ["PATH"]
        assert not Path(seen["HOME"]).samefile(Path.home())
        assert handler.leaked == set()
        handler.run(BODY, JSON)
        assert handler.leaked == {"AWS_SECRET_ACCESS_KEY"}, "beyond the limit as well"
        with Isolated(tmp_path / "other") as other:
            assert set(other.canaries.values()).isdisjoint(handler.canaries.values())
    assert not Path(seen["HOME"]).exists()


def test_memory_and_threads_are_those_of_the_process(tmp_path: Path) -> None:
    code = predict(
        "kept.append(b'x' * (8 << 20))\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "import threading, time\nkept = []",
    )
    with isolated(tmp_path, code) as handler:
        handler.load()
        process = psutil.Process(handler.pid)
        runs = [handler.run(BODY, JSON) for _ in range(4)]
        assert abs(process.memory_info().rss - runs[-1].memory) < 4 << 20
        assert [run.threads for run in runs] == [2, 3, 4, 5]
        assert process.num_threads() == 5
        assert 20 << 20 < runs[3].memory - runs[0].memory < 30 << 20


@pytest.mark.parametrize(
    ("model_fn", "loads"),
    [
        ("return [1]", [2, 3]),
        ("return kept.setdefault('model', [1])", [1, 1]),
        ("time.sleep(0.02)\n    return 1", [2, 3]),
    ],
)
def test_a_model_that_is_kept_is_loaded_once(tmp_path: Path, model_fn: str, loads: list[int]) -> None:
    code = f"import time\nkept = {{}}\ndef model_fn(model_dir):\n    {model_fn}\n"
    code += "def predict_fn(data, model):\n    model_fn('.')\n    return data\n"
    with isolated(tmp_path, code) as handler:
        assert [handler.run(BODY, JSON).loads for _ in range(2)] == loads


def test_it_ends_with_who_started_it(tmp_path: Path) -> None:
    place = package(
        tmp_path, predict("subprocess.Popen(['sleep', '60'], start_new_session=True)", "import subprocess")
    )
    script = f"""
import signal
from pathlib import Path
from chaos.handlers.isolation import Isolated, Limits
with Isolated(Path({str(place)!r}), environment={{"TESTED_HANDLER": "parent-dies"}}) as handler:
    print(handler.run(b"[1]", "{JSON}").processes, flush=True)
    residue = handler._remote._host._residue
    print(residue.directory, *residue.groups.values(), flush=True)
    signal.pause()
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent:
        assert parent.stdout.readline() == "2\n"
        places = [Path(place) for place in parent.stdout.readline().split()]
        assert all(place.exists() for place in places)
        parent.send_signal(signal.SIGKILL)
        parent.wait(20)
    assert left("parent-dies") == []
    assert not any(place.exists() for place in places)


def test_what_nobody_could_clear_is_cleared_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphan, young = Residue.of("0" * 16, True), Residue.of("1" * 16, True)
    for each in (orphan, young):
        each.make()
        for path in set(each.groups.values()):
            make_group(path)
    long_ago = time.time() - 1000
    with Isolated(tmp_path) as living:
        living.load()
        assert living._remote is not None
        theirs = living._remote._host._residue
        for each in (orphan, theirs):
            for path in (each.directory, *each.groups.values()):
                os.utime(path, (long_ago, long_ago))
        clear_orphans()
        assert not any(path.exists() for path in (orphan.directory, *orphan.groups.values()))
        for each in (young, theirs):
            assert all(path.exists() for path in (each.directory, *each.groups.values()))
    young.clear()
    for each in (young, theirs):
        assert not any(path.exists() for path in (each.directory, *each.groups.values()))


def test_its_user_may_be_a_thread_that_ends(tmp_path: Path) -> None:
    """The kernel's own way to die with a parent goes by threads, not by processes."""
    with isolated(tmp_path, predict("return data"), PATIENT) as handler:
        thread = threading.Thread(target=handler.load)
        thread.start()
        thread.join()
        assert handler.run(BODY, JSON).outcome == "ok"
        assert not handler.run(BODY, JSON).restarted
