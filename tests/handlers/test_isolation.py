"""Whatever a handler does is a result, and nothing of it is left."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from chaos.cgroups import find_base
from chaos.handlers.isolation import MODEL, Isolated, Limits
from tests.handlers.isolated import BODY, JSON, LOAD, PATIENT, QUICK, isolated, predict
from tests.handlers.packages import package

confinements = pytest.mark.parametrize(
    "confined",
    [
        pytest.param(True, marks=pytest.mark.skipif(find_base() is None, reason="no writable memory cgroup")),
        False,
    ],
)


@pytest.mark.parametrize(
    ("before", "code", "outcome", "error", "line"),
    [
        ("import time", "time.sleep(60)", "timeout", "did not end within 0.5 s", 6),
        ("import ctypes", "ctypes.PyDLL(None).pause()", "timeout", "did not end within 0.5 s", 6),
        (
            "import signal, time",
            "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\ntime.sleep(60)",
            "timeout",
            "did not end within 0.5 s",
            None,
        ),
        ("", "while True: print('x' * 100_000)", "timeout", "did not end within 0.5 s", 6),
        ("import ctypes", "ctypes.string_at(0)", "crashed", "was ended by SIGSEGV", 6),
        ("import os", "os.abort()", "crashed", "was ended by SIGABRT", 6),
        ("import os", "os.kill(os.getpid(), 9)", "crashed", "was ended by SIGKILL", None),
        ("import os", "os._exit(3)", "exited", "ended its process with exit code 3", None),
        ("import sys", "sys.exit(7)", "exited", "ended its process with exit code 7", 6),
        ("import sys", "sys.exit('so long')", "exited", "ended its process with exit code 1", 6),
        ("import os", "os.closerange(0, 65536)", "crashed", "closed the harness's connection", None),
        (
            "import os",
            "for each in range(3, 1024):\n    try: os.write(each, b'no frame, though as long as one')\n"
            "    except OSError: pass",
            "crashed",
            "wrote to the harness's connection",
            None,
        ),
        ("", "raise KeyboardInterrupt", "raised", "", 6),
        ("", "return data / 0", "ok", "", None),
    ],
)
def test_what_a_handler_does_is_an_outcome(
    tmp_path: Path, before: str, code: str, outcome: str, error: str, line: int | None
) -> None:
    limits = QUICK if outcome == "timeout" else PATIENT
    with isolated(tmp_path, predict(code, before or "#"), limits) as handler:
        assert handler.load().outcome == "ok"
        run = handler.run(BODY, JSON)
        assert run.outcome == outcome, run
        assert run.error.startswith(error)
        assert run.place == (f"code/inference.py:{line}" if line else "")
        assert handler.alive == (outcome in ("raised", "ok"))
        if outcome != "timeout":
            again = handler.run(BODY, JSON)
            assert again.restarted == (outcome not in ("raised", "ok"))
            assert again.outcome == outcome


@confinements
def test_eight_gibibytes_are_too_many(tmp_path: Path, confined: bool) -> None:
    code = predict("return float(np.ones(8 << 30, dtype=np.uint8)[0])", "import numpy as np")
    with isolated(tmp_path, code, confined=confined) as handler:
        run = handler.run(BODY, JSON)
        assert (run.outcome, run.place) == ("memory", "code/inference.py:6"), run
        assert handler.alive, "it was refused"


@confinements
def test_memory_that_is_taken_bit_by_bit(tmp_path: Path, confined: bool) -> None:
    code = predict("while True: kept.append(bytearray(b'x') * (4 << 20))", "kept = []")
    with isolated(tmp_path, code, Limits(memory=96 << 20, call=20.0), confined=confined) as handler:
        run = handler.run(BODY, JSON)
        assert run.outcome == "memory", run
        assert handler.alive != confined, "the kernel ends it; its own limit it survives"


def test_an_error_for_want_of_memory_is_told_as_such(tmp_path: Path) -> None:
    with isolated(tmp_path, predict("raise MemoryError")) as handler:
        assert [handler.run(BODY, JSON).outcome for _ in range(2)] == ["memory", "memory"]
        assert handler.alive


@confinements
@pytest.mark.parametrize(
    "forks",
    [
        "while os.fork(): pass\ntime.sleep(60)",
        "while True: os.fork()",
        "while True: subprocess.Popen(['sleep', '60'])",
    ],
)
def test_forking_without_end_is_ended(tmp_path: Path, forks: str, confined: bool) -> None:
    code = predict(forks, "import os, subprocess, time, warnings\nwarnings.simplefilter('ignore')")
    with isolated(tmp_path, code, confined=confined) as handler:
        run = handler.run(BODY, JSON)
        assert run.outcome == "processes", run
        assert run.processes > PATIENT.processes
        assert "more than the 8 allowed" in run.error


def test_what_was_forked_does_not_answer(tmp_path: Path) -> None:
    code = predict("if os.fork() == 0: time.sleep(data[0] / 50)", "import os, time")
    with isolated(tmp_path, code) as handler:
        answers = [handler.run(b"[%d]" % number, JSON) for number in range(6)]
        assert [answer.body for answer in answers] == [b"[%d]" % number for number in range(6)]


def test_what_moves_out_of_the_session_is_found(tmp_path: Path) -> None:
    nap = f"31{uuid.uuid4().int % 10**9}"
    daemon = (
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: "
        f"os.execve(shutil.which('sleep'), ['sleep', '{nap}'], {{}})\n    os._exit(0)\nos.wait()"
    )
    with isolated(tmp_path, predict(daemon, "import os, shutil"), without=nap) as handler:
        runs = [handler.run(BODY, JSON) for _ in range(2)]
        assert [(run.outcome, run.processes) for run in runs] == [("ok", 2), ("ok", 3)]
        assert handler.end() == 2


@pytest.mark.parametrize(
    "kill", ["os.kill(os.getppid(), signal.SIGKILL)", "os.kill(os.getppid(), signal.SIGSTOP)"]
)
def test_who_watches_may_be_ended_too(tmp_path: Path, kill: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaos.handlers.hosting.COMMAND_SECONDS", 0.5)
    monkeypatch.setattr("chaos.handlers.hosting.CLOSE_SECONDS", 0.5)
    code = predict(
        f"subprocess.Popen(['sleep', '60'], start_new_session=True)\n{kill}\ntime.sleep(60)",
        "import os, signal, subprocess, time",
    )
    with isolated(tmp_path, code, QUICK if "STOP" in kill else PATIENT) as handler:
        for _ in range(2):
            run = handler.run(BODY, JSON)
            assert (run.outcome, run.error) == ("crashed", "ended the process that watches over it")


def test_processor_time_is_limited(tmp_path: Path) -> None:
    limits = Limits(cpu=0.1, call=20.0)
    with isolated(tmp_path, predict("while True: pass"), limits) as handler:
        run = handler.run(BODY, JSON)
        assert (run.outcome, run.error) == ("timeout", "used more than 0.1 s of processor time")


def test_a_thread_that_ends_the_process_between_calls(tmp_path: Path) -> None:
    code = predict(
        "threading.Timer(0.05, os._exit, (5,)).start()\ntime.sleep(data[0])", "import os, threading, time"
    )
    with isolated(tmp_path, code) as handler:
        assert handler.run(b"[0]", JSON).outcome == "ok"
        while handler.alive:
            pass
        after = handler.run(b"[0.5]", JSON)
        assert (after.outcome, after.error) == ("exited", "ended its process with exit code 5")
        assert after.restarted


@pytest.mark.parametrize(
    ("code", "function", "outcome", "error", "kind"),
    [
        ("import sys\nsys.exit(4)", "import", "exited", "ended its process with exit code 4", "SystemExit"),
        ("import os\nos._exit(4)", "import", "exited", "ended its process with exit code 4", ""),
        (
            "import no_such_thing",
            "import",
            "raised",
            "No module named 'no_such_thing'",
            "ModuleNotFoundError",
        ),
        ("def model_fn(:", "import", "raised", "invalid syntax", "SyntaxError"),
        ("x = 1", "import", "raised", "there is no model_fn", "DocumentError"),
        ("import time\ntime.sleep(60)", "import", "timeout", "did not end within", ""),
        (
            "import time\ndef model_fn(model_dir): time.sleep(60)",
            "model_fn",
            "timeout",
            "did not end within",
            "",
        ),
        (
            "def model_fn(model_dir): return 1 / 0",
            "model_fn",
            "raised",
            "division by zero",
            "ZeroDivisionError",
        ),
        ("def model_fn(model_dir): raise MemoryError", "model_fn", "memory", "out of memory", "MemoryError"),
        (LOAD, "model_fn", "raised", "there is no predict_fn", "DocumentError"),
    ],
)
def test_how_loading_goes(
    tmp_path: Path, code: str, function: str, outcome: str, error: str, kind: str
) -> None:
    limits = Limits(load=0.5) if outcome == "timeout" else PATIENT
    with isolated(tmp_path, code, limits) as handler:
        for call in (handler.load(), handler.call("predict_fn", None, MODEL)):
            assert (call.function, call.outcome, call.error_type) == (function, outcome, kind)
            assert call.error.startswith(error)


def test_a_package_that_is_not_there(tmp_path: Path) -> None:
    with Isolated(tmp_path / "nowhere") as handler:
        call = handler.load()
        assert (call.outcome, call.error_type) == ("raised", "DocumentError")
        assert "there is no such handler" in call.error


def test_a_handler_may_break_all_that_python_has(tmp_path: Path) -> None:
    code = """
        import builtins, gc, json, os, signal, socket, struct, sys, threading, time

        def model_fn(model_dir):
            return 2.0

        def predict_fn(data, model):
            json.dumps = json.loads = time.sleep = time.monotonic = time.perf_counter = None
            os.getpid = os._exit = os.read = os.open = socket.socket.sendall = struct.pack = None
            sys.stdout = sys.stderr = None
            sys.modules.clear()
            for number in range(1, 30):
                if number not in (signal.SIGKILL, signal.SIGSTOP):
                    signal.signal(number, signal.SIG_IGN)
            builtins.len = builtins.isinstance = builtins.getattr = builtins.__import__ = None
            return data
    """
    with isolated(tmp_path, code) as handler:
        assert handler.run(BODY, JSON).outcome in ("ok", "raised", "timeout", "crashed", "exited")
        assert handler.run(BODY, JSON).outcome in ("ok", "raised", "timeout", "crashed", "exited")


def test_two_packages_at_once(tmp_path: Path) -> None:
    places = [package(tmp_path, predict(f"return {number}"), name=f"p{number}") for number in range(2)]
    with Isolated(places[0]) as first, Isolated(places[1]) as second:
        assert [each.run(BODY, JSON).body for each in (first, second, first)] == [b"0", b"1", b"0"]
