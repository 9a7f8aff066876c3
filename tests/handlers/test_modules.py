"""Packages in one process: each has its own modules, wherever it imports them."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import pytest

from chaos.errors import DocumentError
from chaos.handlers.package import import_package, load_package
from tests.handlers.packages import package, whole

EARLY = """
import helper
from inner import part
def model_fn(model_dir): return helper.WORD
def predict_fn(data, model): return [model, helper.WORD, part.WORD]
"""
LATE = """
def model_fn(model_dir):
    import helper
    return helper.WORD
def predict_fn(data, model):
    import helper
    from inner import part
    return [model, helper.WORD, part.WORD]
"""


@pytest.mark.parametrize("code", [EARLY, LATE], ids=["at the top", "in a function"])
def test_packages_do_not_see_each_others_modules(tmp_path: Path, code: str) -> None:
    handlers = []
    for word in ("one", "two"):
        path = package(tmp_path, code, word)
        (path / "code" / "helper.py").write_text(f"WORD = {word!r}\n")
        (path / "code" / "inner").mkdir()  # without __init__.py
        (path / "code" / "inner" / "part.py").write_text(f"WORD = {word!r}\n")
        handlers.append(load_package(path))

    for _ in range(2):
        assert [json.loads(whole(handler, b"{}")) for handler in handlers] == [["one"] * 3, ["two"] * 3]
    assert [entry for entry in sys.path if entry.startswith(str(tmp_path))] == [
        str(tmp_path / "two" / "code")
    ]


def test_a_pickled_model_finds_its_class_in_the_entry_point(tmp_path: Path) -> None:
    code = """
    import pickle
    class Model:
        word = {word!r}
    def model_fn(model_dir):
        with open(f"{{model_dir}}/model.pkl", "rb") as file: return pickle.load(file)
    def predict_fn(data, model): return pickle.loads(pickle.dumps(model)).word
    """
    handlers = []
    for word in ("one", "two"):
        path = package(tmp_path, code.format(word=word), word)
        (path / "model.pkl").write_bytes(b"cinference\nModel\n)\x81.")
        handlers.append(load_package(path))

    assert [whole(handler, b"1") for handler in handlers] == [b'"one"', b'"two"']
    assert pickle.loads(b"cinference\nModel\n.").word == "two"  # noqa: S301


def test_a_package_that_fails_leaves_no_module_behind(tmp_path: Path) -> None:
    path = package(tmp_path, "import helper\nimport no_such_module\n")
    (path / "code" / "helper.py").touch()
    end = package(tmp_path, "import sys\nsys.exit(3)\n", "end")
    wrong = package(tmp_path, "import helper\n", "wrong")
    (wrong / "code" / "helper.py").touch()

    for directory, error, said in (
        (path, DocumentError, "inference.py:2: cannot be imported"),
        (end, SystemExit, "3"),
        (wrong, DocumentError, "no model_fn"),
    ):
        with pytest.raises(error, match=said):
            import_package(directory)
        assert not {"helper", "inference"} & sys.modules.keys()
        assert not [entry for entry in sys.path if entry.startswith(str(tmp_path))]


def test_what_was_displaced_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "inference", json)
    load_package(package(tmp_path, "def model_fn(d): return len\n"))
    assert sys.modules["inference"] is not json
    with pytest.raises(DocumentError):
        import_package(package(tmp_path, "raise ValueError\n", "other"))

    assert sys.modules["inference"] is json


def test_a_syntax_error_in_another_file_is_not_this_ones(tmp_path: Path) -> None:
    path = package(tmp_path, "\nimport helper\n")
    (path / "code" / "helper.py").write_text("\n\n\n\n1 +\n")

    with pytest.raises(
        DocumentError, match=r"inference.py:2: cannot be imported: SyntaxError: .*helper.py, line 5"
    ):
        import_package(path)
