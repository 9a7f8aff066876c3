"""What a package requires, against what is installed here."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.handlers.requirements import unmet

NUMPY = version("numpy")


def required(directory: Path, text: str, **others: str) -> list[str]:
    (directory / "code").mkdir(exist_ok=True)
    for name, content in {"requirements": text, **others}.items():
        (directory / "code" / f"{name}.txt").write_text(content, encoding="utf-8")
    return unmet(directory)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n\n",
        "\ufeffnumpy",
        "numpy",
        "NumPy >= 1.0 # enough",
        f"numpy=={NUMPY} --hash=sha256:0123 --hash=sha256:4567",
        "numpy \\\n  >=1.0,\\\n <99",
        "no-such-thing; python_version < '3'",
        "no-such-thing; sys_platform == 'win32'",
        "--index-url https://example.org/simple\n-i x\n--no-deps\n--find-links /somewhere\n--pre",
        "numpy @ https://example.org/numpy.zip",
        "git+https://example.org/x.git@main#egg=numpy",
        f"./wheels/numpy-{NUMPY}-py3-none-any.whl",
        f"https://example.org/numpy-{NUMPY}-py3-none-any.whl",
        "-e git+https://example.org/x.git#egg=numpy",
        "pydantic[timezone]; extra == 'never'",
    ],
)
def test_it_is_met(tmp_path: Path, text: str) -> None:
    assert required(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "numpy\nno-such-thing>=2 # please",
            "txt:2: no-such-thing>=2: no-such-thing is not installed",
        ),
        ("numpy<1.5", f"code/requirements.txt:1: numpy<1.5: numpy {NUMPY} is installed"),
        ("\n\nnumpy \\\n <1", f"code/requirements.txt:3: numpy<1: numpy {NUMPY} is installed"),
        ("numpy==\\", "code/requirements.txt:1: numpy==: is no requirement: "),
        ("what is this?", "code/requirements.txt:1: what is this?: is no requirement: "),
        ("no-such-thing @ https://example.org/x.zip", "no-such-thing is not installed"),
        ("https://example.org/x.zip", "https://example.org/x.zip: has no name, so it cannot be checked"),
        ("./local", "./local: has no name, so it cannot be checked"),
        ("-e .", "1: .: has no name, so it cannot be checked"),
        ("--editable=./x#egg=no-such-thing", "no-such-thing is not installed"),
        ("./numpy-0.1-py3-none-any.whl", f"numpy==0.1: numpy {NUMPY} is installed"),
        ("./numpy.whl", "./numpy.whl: has no name, so it cannot be checked"),
        ("-r gone.txt", "code/requirements.txt:1: -r gone.txt: there is no such file"),
        ("-r ../../x.txt", "leads out of the package, so it cannot be checked"),
        ("--requirement https://example.org/x", "leads out of the package, so it cannot be checked"),
        ("no-such-thing; python_version > '3'", "no-such-thing is not installed"),
    ],
)
def test_what_is_not_met_is_said(tmp_path: Path, text: str, problem: str) -> None:
    (said,) = required(tmp_path, text)

    assert problem in said
    assert said.startswith("code/requirements.txt:")


def test_other_files_are_followed_once(tmp_path: Path) -> None:
    said = required(
        tmp_path,
        "-r more.txt\n-c less.txt\nnumpy\n-c more.txt",
        more="one-thing\n-rrequirements.txt\n--requirement=more.txt\n-r last.txt",
        less="numpy<1\nother-thing<3",
        last="one-thing",
    )

    assert said == [
        "code/more.txt:1: one-thing: one-thing is not installed",
        "code/last.txt:1: one-thing: one-thing is not installed",
        f"code/less.txt:1: numpy<1: numpy {NUMPY} is installed",
    ]


def test_a_constraint_may_be_a_requirement_too(tmp_path: Path) -> None:
    said = required(tmp_path, "-c more.txt\n-r more.txt", more="one-thing")

    assert said == ["code/more.txt:1: one-thing: one-thing is not installed"]


def installed(directory: Path, name: str, version: str, *required: str) -> None:
    """A distribution as an installer leaves it, on the path."""
    info = directory / f"{name}-{version}.dist-info"
    info.mkdir()
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {each}" for each in required)]
    (info / "METADATA").write_text("Metadata-Version: 2.1\n" + "\n".join(lines) + "\n")


def test_what_is_installed_may_be_odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    installed(site, "early_thing", "2.0rc1")
    installed(site, "odd_thing", "no version")
    installed(site, "round_thing", "1", "round-thing[b]; extra == 'a'", "round-thing[a]; extra == 'b'")

    assert required(tmp_path, "early-thing>=1\nEarly.Thing\nround-thing[a]") == []
    assert required(tmp_path, "odd-thing>1") == [
        "code/requirements.txt:1: odd-thing>1: odd-thing has the version 'no version', which is none"
    ]


def test_an_extra_needs_what_it_needs(tmp_path: Path) -> None:
    assert required(tmp_path, "chaostoolkit-serving[test]") == []
    (said,) = required(tmp_path, "chaostoolkit-serving[redis]\nchaostoolkit-serving[none]")

    assert said.startswith("code/requirements.txt:1: chaostoolkit-serving[redis]: redis")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    assert unmet(tmp_path) == []
    (tmp_path / "code" / "requirements.txt").write_bytes(b"\xff")

    (said,) = unmet(tmp_path)
    assert said.startswith("code/requirements.txt: cannot be read: 'utf-8' codec")


@given(text=st.text("abz0.-=<>[]()@:/#; \"\\'\n\t,!~é{}$", max_size=60))
def test_no_text_breaks_it(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    directory = tmp_path_factory.getbasetemp() / "requirements"
    directory.mkdir(exist_ok=True)

    assert all("\n" not in said for said in required(directory, text))
