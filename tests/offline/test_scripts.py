"""A script runs in a process of its own: what it wrote is found, and whatever else it does is a result."""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from chaos.errors import DocumentError
from chaos.offline.scripts import DATA_OUTPUT, ScriptLimits, ScriptRun, run_script
from chaos.offline.specs import ScriptExecutionSpec

MAIN = "def main(input_paths, output_paths, environ_vars, job_args):\n"


def script(directory: Path, text: str, name: str = "prep.py") -> Path:
    """A script with this text; without a ``def main`` it is the body of one."""
    path = directory / name
    path.write_text(text if "def main" in text else MAIN + textwrap.indent(textwrap.dedent(text), "    "))
    return path


def run(directory: Path, text: str, limits: ScriptLimits | None = None, **fields: Any) -> ScriptRun:
    spec = ScriptExecutionSpec(script_name="prep", script_path=str(script(directory, text)), **fields)
    return run_script(spec, directory / "work", limits)


def test_main_gets_what_the_specification_says(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text("1,2\n")
    ran = run(
        tmp_path,
        """
        import json, os, pathlib, sys
        said = {
            "inputs": input_paths, "environ": environ_vars, "variable": os.environ["STAGE"], "argv": sys.argv,
            "job": vars(job_args), "rows": pathlib.Path(input_paths["raw"]).read_text(), "pid": os.getpid(),
        }
        pathlib.Path(output_paths["data_output"], "said.json").write_text(json.dumps(said))
        print("done", __name__)
        """,
        input_paths={"raw": str(tmp_path / "raw.csv")},
        output_paths={"data_output": str(tmp_path / "out" / "data")},
        environ_vars={"STAGE": "training"},
        job_args={"job_type": "training", "ratio": 0.5},
    )

    assert (ran.outcome, ran.error, ran.printed) == ("ok", "", "done prep\n")
    assert ran.data == (tmp_path / "out" / "data" / "said.json",)
    said = json.loads(ran.data[0].read_text())
    assert said.pop("pid") != os.getpid()
    assert said == {
        "inputs": {"raw": str(tmp_path / "raw.csv")},
        "environ": {"STAGE": "training"},
        "variable": "training",
        "argv": [str(tmp_path / "prep.py")],
        "job": {"job_type": "training", "ratio": 0.5},
        "rows": "1,2\n",
    }


@pytest.mark.parametrize(
    "signature",
    [
        "a, b, c, d",
        "output_paths",
        "job_args, output_paths",
        "output_paths, more=1",
        "**all",
        "*, output_paths",
    ],
)
def test_main_may_take_some_or_name_them_otherwise(tmp_path: Path, signature: str) -> None:
    where = {"a, b, c, d": "b", "**all": "all['output_paths']"}.get(signature, "output_paths")
    text = f"def main({signature}):\n    open({where}['{DATA_OUTPUT}'] + '/one.csv', 'w').write('1')\n"
    ran = run(tmp_path, text)

    assert (ran.outcome, ran.error) == ("ok", "")
    assert ran.data == (tmp_path / "work" / "prep" / DATA_OUTPUT / "one.csv",)


def test_a_command_has_its_paths_filled_in(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    program = "import sys, os; open(sys.argv[2] + '/a.csv', 'w').write(sys.argv[1] + os.environ['MORE'])"
    spec = ScriptExecutionSpec(
        script_name="prep",
        command=(sys.executable, "-c", program, "from={input:raw}", "{output:data_output}"),
        input_paths={"raw": str(tmp_path / "in")},
        environ_vars={"MORE": "!"},
    )
    ran = run_script(spec, tmp_path)

    assert (ran.outcome, ran.error) == ("ok", "")
    assert ran.data[0].read_text() == f"from={tmp_path / 'in'}!"


def test_a_script_imports_what_is_beside_it(tmp_path: Path) -> None:
    (tmp_path / "helpers.py").write_text("NAME = 'beside.csv'\n")
    ran = run(
        tmp_path, "import helpers\nopen(output_paths['data_output'] + '/' + helpers.NAME, 'w').write('1')"
    )

    assert [path.name for path in ran.data] == ["beside.csv"]


@pytest.mark.parametrize(
    ("text", "outcome", "error", "place"),
    [
        ("raise KeyError('label')", "raised", r"KeyError: 'label'", "prep.py:2"),
        ("import nothing_of_that_name", "raised", "ModuleNotFoundError", "prep.py:2"),
        ("def main(input_paths, output_paths):\n    return (", "raised", "SyntaxError", "prep.py:2"),
        ("import sys; sys.exit(3)", "exited", "exit code 3", "prep.py:2"),
        ("import os; os._exit(4)", "exited", "exit code 4", ""),
        ("import sys; sys.exit(0)", "ok", "", ""),
        ("import os; os.kill(os.getpid(), 11)", "crashed", "SIGSEGV", ""),
        ("bytearray(8 << 30)", "memory", "", "prep.py:2"),
        ("import time; time.sleep(300)", "timeout", "did not end within 1 s", ""),
        (
            "import threading, time; threading.Thread(target=time.sleep, args=[300]).start()",
            "timeout",
            "",
            "",
        ),
        ("def main(a, b): pass", "raised", r"main takes \(a, b\), and is called with", ""),
        ("def main(input_paths, *, other): pass", "raised", "main takes", ""),
        ("#def main\nx = 1", "raised", r"there is no main\(input_paths", ""),
    ],
)
def test_how_a_script_can_end(tmp_path: Path, text: str, outcome: str, error: str, place: str) -> None:
    limits = ScriptLimits(seconds=1.0 if outcome == "timeout" else 60.0, memory=1 << 30)
    ran = run(tmp_path, text, limits)

    assert ran.outcome == outcome
    assert ran.success == (outcome == "ok")
    assert re.search(error, ran.error)
    assert bool(ran.error) == (outcome != "ok")
    assert ran.place == place


def test_what_a_failing_command_printed_last_is_the_reason(tmp_path: Path) -> None:
    command = ("sh", "-c", "echo first; echo 'no rows left' >&2; exit 7")
    ran = run_script(ScriptExecutionSpec(script_name="prep", command=command), tmp_path)

    assert (ran.outcome, ran.error) == ("exited", "it ended with exit code 7: no rows left")
    assert ran.printed == "first\nno rows left\n"


def test_of_much_that_is_printed_the_start_and_the_end_are_kept(tmp_path: Path) -> None:
    text = "print('first')\nfor n in range(200_000): print(n)\nprint('last')"
    ran = run(tmp_path, text, ScriptLimits(printed=1000))

    assert ran.printed.startswith("first\n0\n")
    assert ran.printed.endswith("\nlast\n")
    assert "bytes left out" in ran.printed
    assert len(ran.printed) < 1100


def lives(pid: int) -> bool:
    """Whether it runs; who waits for orphans may be slow to see that it does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("seconds", [30.0, 1.0])
def test_nothing_that_it_starts_outlives_it(tmp_path: Path, seconds: float) -> None:
    text = f"""
    import subprocess, sys, time
    left = subprocess.Popen(["sleep", "300"], start_new_session=True)
    open(output_paths["data_output"] + "/pid.txt", "w").write(str(left.pid))
    time.sleep({0 if seconds > 2 else 60})
    """
    ran = run(tmp_path, text, ScriptLimits(seconds=seconds))

    assert ran.outcome == ("ok" if seconds > 2 else "timeout")
    assert not lives(int(ran.data[0].read_text()))


def test_only_files_that_can_be_sent_and_are_new_are_data(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old.csv").write_text("1")
    (out / "again.csv").write_text("1")
    ran = run(
        tmp_path,
        """
        import os, pathlib
        out = pathlib.Path(output_paths["x"])
        for name in ["b/two.JSON", "a.npy", "c.csv.tmp", ".hidden.csv", ".git/a.csv", "_SUCCESS", "m.pkl", "again.csv"]:
            (out / name).parent.mkdir(exist_ok=True)
            (out / name).write_text("1")
        os.symlink("nowhere", out / "dangling.csv")
        pathlib.Path(output_paths["file"]).write_text("1,2")
        """,
        output_paths={"x": str(out), "file": str(tmp_path / "there" / "one.csv")},
    )

    assert ran.error == ""
    assert [path.relative_to(out).as_posix() for path in ran.written["x"].files] == [
        "a.npy",
        "again.csv",
        "b/two.JSON",
    ]
    assert [path.name for path in ran.written["x"].others] == ["m.pkl"]
    assert [path.name for path in ran.written["x"].stale] == ["old.csv"]
    assert ran.data == (*ran.written["x"].files, tmp_path / "there" / "one.csv")


def test_the_data_output_is_the_data(tmp_path: Path) -> None:
    text = "for path in output_paths.values(): open(path + '/one.csv', 'w').write('1')"
    paths = {"metrics": str(tmp_path / "m"), DATA_OUTPUT: str(tmp_path / "d")}
    ran = run(tmp_path, text, output_paths=paths)

    assert ran.data == (tmp_path / "d" / "one.csv",)


def no_script(directory: Path) -> ScriptExecutionSpec:
    return ScriptExecutionSpec(script_name="prep", script_path=str(directory / "none.py"))


def no_program(directory: Path) -> ScriptExecutionSpec:
    return ScriptExecutionSpec(script_name="prep", command=("no-such-program",))


def no_input(directory: Path) -> ScriptExecutionSpec:
    path = str(script(directory, "pass"))
    return ScriptExecutionSpec(
        script_name="prep", script_path=path, input_paths={"raw": str(directory / "none")}
    )


def no_output(directory: Path) -> ScriptExecutionSpec:
    command = ("echo", "{output:data_outptu}")
    return ScriptExecutionSpec(script_name="prep", command=command)


def no_directory(directory: Path) -> ScriptExecutionSpec:
    path = str(script(directory, "pass"))
    return ScriptExecutionSpec(script_name="prep", script_path=path, output_paths={"x": f"{path}/inside"})


def odd_variable(directory: Path) -> ScriptExecutionSpec:
    path = str(script(directory, "pass"))
    return ScriptExecutionSpec(script_name="prep", script_path=path, environ_vars={"A": "\0"})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (no_script, "none.py: there is no such script"),
        (no_program, "there is no program 'no-such-program'"),
        (no_input, "input 'raw': there is no "),
        (no_output, r"\{output:data_outptu\}: there is no such output .did you mean 'data_output'"),
        (no_directory, "inside: cannot be made"),
        (odd_variable, "cannot be started"),
    ],
)
def test_a_specification_that_cannot_be_run(
    tmp_path: Path, make: Callable[[Path], ScriptExecutionSpec], words: str
) -> None:
    with pytest.raises(DocumentError, match=words):
        run_script(make(tmp_path), tmp_path / "work")


def test_a_script_is_ended_with_whoever_waits_for_it(tmp_path: Path) -> None:
    started = tmp_path / "work" / "prep" / DATA_OUTPUT / "pid.txt"
    path = script(
        tmp_path, f"import os, time\nopen({str(started)!r}, 'w').write(str(os.getpid()))\ntime.sleep(300)"
    )
    program = (
        "from chaos.offline.scripts import run_script; from chaos.offline.specs import ScriptExecutionSpec as S;"
        "from pathlib import Path; import sys;"
        "run_script(S(script_name='prep', script_path=sys.argv[1]), Path(sys.argv[2]))"
    )
    harness = psutil.Popen([sys.executable, "-c", program, str(path), str(tmp_path / "work")])
    while not (started.exists() and started.read_text()):
        assert harness.poll() is None
        time.sleep(0.02)
    script_process = psutil.Process(int(started.read_text()))
    harness.kill()
    harness.wait()
    psutil.wait_procs([script_process], timeout=30)

    assert not script_process.is_running()
