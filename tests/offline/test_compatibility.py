"""What a script writes goes to the handler behind it: which type fits, and for the others the reason."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from chaos.errors import DocumentError
from chaos.handlers.formats import CSV, JSON, NPY
from chaos.handlers.limits import Limits
from chaos.offline.compatibility import check_compatibility
from chaos.offline.results import CompatibilityResult
from chaos.offline.scripts import ScriptLimits
from chaos.offline.specs import InferenceHandlerSpec, ScriptExecutionSpec

SUMS = """
def model_fn(model_dir):
    return 1.0

def predict_fn(data, model):
    return [float(a) + float(b) for a, b in data]
"""
STRICT = """
import csv, io

def model_fn(model_dir):
    return None

def input_fn(data, content_type):
    if content_type != "text/csv":
        raise ValueError(f"only CSV is read, not {content_type}")
    return [[float(cell) for cell in row] for row in csv.reader(io.StringIO(data))]

def predict_fn(data, model):
    return [len(row) for row in data]
"""
WHOLE = """
def model_fn(model_dir):
    return None

def transform_fn(model, data, content_type, accept):
    return str(sum(float(cell) for cell in data.split(","))), "text/plain"
"""


def handler(directory: Path, code: str) -> InferenceHandlerSpec:
    source = directory / "model" / "code" / "inference.py"
    source.parent.mkdir(parents=True)
    source.write_text(code)
    return InferenceHandlerSpec(handler_name="sums", packaged_model_path=str(directory / "model"))


def script(directory: Path, **files: str) -> ScriptExecutionSpec:
    """One that writes these files; a name is in them with ``_`` for the dot."""
    contents = {name[::-1].replace("_", ".", 1)[::-1]: text for name, text in files.items()}
    path = directory / "prep.py"
    path.write_text(
        textwrap.dedent(f"""
        import pathlib

        def main(input_paths, output_paths, environ_vars, job_args):
            for name, text in {contents!r}.items():
                pathlib.Path(output_paths["data_output"], name).write_text(text)
            print("written")
        """)
    )
    return ScriptExecutionSpec(script_name="prep", script_path=str(path))


def checked(directory: Path, code: str, **files: str) -> CompatibilityResult:
    return check_compatibility(
        script(directory, **files), handler(directory, code), Limits(), directory / "work"
    )


def test_the_type_that_the_suffix_suggests_fits(tmp_path: Path) -> None:
    result = checked(tmp_path, SUMS, rows_csv="1,2\n3,4\n")

    assert result.compatible
    assert result.script_success
    assert (result.content_type, result.error, result.printed) == (CSV, "", "written\n")
    assert [(each.content_type, each.fits) for each in result.tried] == [(CSV, True), (JSON, False)]
    assert result.tried[0].call.value == "ndarray int64 (2, 2)"
    assert result.tried[1].call.outcome == "refused"
    assert result.files == (str(tmp_path / "work" / "prep" / "data_output" / "rows.csv"),)


def test_a_header_that_input_fn_reads_and_predict_fn_does_not(tmp_path: Path) -> None:
    result = checked(tmp_path, SUMS, rows_csv="a,b\n1,2\n3,4\n")

    assert not result.compatible
    assert result.script_success
    assert result.content_type == ""
    first = result.tried[0].call
    assert (first.function, first.outcome, first.place) == ("predict_fn", "raised", "code/inference.py:6")
    assert result.error.startswith("rows.csv as text/csv: predict_fn raised ValueError: could not convert")
    assert "its first line is a header (a, b), not data" in result.error
    assert "nor does it fit as application/json" in result.error


def test_another_type_than_the_suffix_suggests_fits(tmp_path: Path) -> None:
    result = checked(tmp_path, STRICT, rows_txt="1,2\n")

    assert result.compatible
    assert result.content_type == CSV
    assert [(each.content_type, each.fits) for each in result.tried] == [
        ("text/plain", False),
        (JSON, False),
        (CSV, True),
    ]
    assert result.tried[0].call.error == "ValueError: only CSV is read, not text/plain"


def test_each_file_needs_a_type(tmp_path: Path) -> None:
    result = checked(tmp_path, STRICT, a_csv="1,2\n", b_csv=",x\n0,1\n1,2\n", c_csv="1,north\n")

    assert not result.compatible
    assert [each.fits for each in result.tried if each.content_type == CSV] == [True, False, False]
    assert result.error.startswith("b.csv as text/csv: input_fn raised ValueError")
    assert "an index, as pandas writes it" in result.error
    assert "1 more files do not fit either" in result.error
    assert "column 2 holds text, such as 'north' in line 1" in str(result.tried[-2].call.validation)


def test_a_handler_with_transform_fn_only(tmp_path: Path) -> None:
    result = checked(tmp_path, WHOLE, rows_csv="1,2")

    assert result.compatible
    assert {each.call.function for each in result.tried} == {"transform_fn"}


def test_an_array(tmp_path: Path) -> None:
    path = tmp_path / "prep.py"
    path.write_text(
        "import numpy as np\n"
        "def main(output_paths):\n"
        "    np.save(output_paths['data_output'] + '/rows.npy', np.ones((3, 2)))\n"
    )
    spec = ScriptExecutionSpec(script_name="prep", script_path=str(path))
    result = check_compatibility(spec, handler(tmp_path, SUMS), workspace=tmp_path)

    assert result.compatible
    assert result.content_type == NPY


def test_a_script_that_fails(tmp_path: Path) -> None:
    spec = script(tmp_path)
    Path(spec.script_path).write_text("def main(input_paths):\n    raise KeyError('label')\n")
    result = check_compatibility(spec, handler(tmp_path, SUMS), workspace=tmp_path)

    assert (result.compatible, result.script_success, result.tried) == (False, False, ())
    assert result.error == "the script failed: KeyError: 'label' (prep.py:2)"


def test_a_script_that_is_late(tmp_path: Path) -> None:
    spec = ScriptExecutionSpec(script_name="prep", command=("sleep", "60"))
    result = check_compatibility(
        spec, handler(tmp_path, SUMS), workspace=tmp_path, script_limits=ScriptLimits(seconds=0.5)
    )

    assert result.error == "the script failed: it did not end within 0.5 s"


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({}, "the script wrote no file to "),
        ({"model_pkl": "1", "notes_md": "2"}, "the script wrote model.pkl, notes.md, and no file"),
    ],
)
def test_a_script_that_writes_no_data(tmp_path: Path, files: dict[str, str], error: str) -> None:
    result = checked(tmp_path, SUMS, **files)

    assert not result.compatible
    assert result.script_success
    assert result.error.startswith(error)


def test_data_from_before_is_none_of_the_script(tmp_path: Path) -> None:
    old = tmp_path / "work" / "prep" / "data_output" / "old.csv"
    old.parent.mkdir(parents=True)
    old.write_text("1,2\n")
    result = checked(tmp_path, SUMS)

    assert result.error == "the script wrote nothing; old.csv was there before"


def test_a_handler_that_does_not_load(tmp_path: Path) -> None:
    result = checked(tmp_path, "def model_fn(model_dir):\n    raise OSError('no weights')\n", rows_csv="1,2")

    assert not result.compatible
    assert result.script_success
    assert "model_fn raised OSError: no weights (code/inference.py:2)" in result.error


@pytest.mark.parametrize(
    ("body", "limits", "outcome"),
    [
        ("import time; time.sleep(60)", Limits(call=0.5), "timeout"),
        ("import os; os.abort()", Limits(), "crashed"),
        ("import sys; sys.exit(1)", Limits(), "exited"),
    ],
)
def test_a_handler_that_does_not_survive_the_data(
    tmp_path: Path, body: str, limits: Limits, outcome: str
) -> None:
    code = f"def model_fn(d): return 1\ndef input_fn(d, t): {body}\ndef predict_fn(d, m): return d\n"
    result = check_compatibility(
        script(tmp_path, a_csv="1", b_csv="2"), handler(tmp_path, code), limits, tmp_path
    )

    assert not result.compatible
    assert {each.call.outcome for each in result.tried} == {outcome}
    assert len(result.tried) == 4


def test_what_is_not_there(tmp_path: Path) -> None:
    spec = script(tmp_path)
    none = InferenceHandlerSpec(handler_name="none", packaged_model_path=str(tmp_path / "none"))
    with pytest.raises(DocumentError, match="there is no such package"):
        check_compatibility(spec, none, workspace=tmp_path)
