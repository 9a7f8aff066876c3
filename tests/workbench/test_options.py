"""Options: sizes as people write them, names with values, and a command that does the same again."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from chaos.workbench.options import a_pair, again, limits_options, parse_size


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2GiB", 2 << 30),
        ("512M", 512 << 20),
        ("512 mb", 512 << 20),
        ("1.5g", 3 << 29),
        ("16777216", 16 << 20),
        ("65536k", 64 << 20),
        ("0.25TiB", 1 << 38),
    ],
)
def test_sizes(text: str, number: int) -> None:
    assert parse_size(text) == number


@pytest.mark.parametrize(
    "text", ["", "2 pounds", "1e9", "-2G", "2GG", "G", "1MiB", "9999999TiB", "٣G", "2G\n3"]
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no size|is less than"):
        parse_size(text)


@given(st.text(max_size=20))
def test_any_text_is_a_size_or_an_error(text: str) -> None:
    try:
        number = parse_size(text)
    except ValueError:
        return
    assert 16 << 20 <= number <= 1 << 50


@given(st.integers(16 << 20, 1 << 50))
def test_a_number_of_bytes_is_itself(number: int) -> None:
    assert parse_size(number) == parse_size(str(number)) == number


@click.command("test")
@click.argument("package", type=click.Path(path_type=Path))
@click.option("--input", "inputs", type=a_pair, multiple=True)
@click.option("--seed", type=int)
@click.option("--out")
@limits_options
@click.pass_context
def command(context: click.Context, /, seed: int | None, **_given: object) -> None:
    click.echo(again(context, 7 if seed is None else seed))


def said(*words: str) -> list[str]:
    group = click.Group("handler", commands=[command])
    ended = CliRunner().invoke(click.Group("chaos", commands=[group]), ["handler", "test", *words])
    assert ended.exit_code == 0, ended.output
    return shlex.split(ended.output)


def test_the_command_again_has_what_was_given_and_the_seed() -> None:
    given = ["a b", "--input", "x=1 2", "--input", "y=", "--memory", "1G", "--cpu", "2.5"]

    again_words = ["chaos", "handler", "test", "a b", "--input", "x=1 2", "--input", "y="]
    assert said(*given, "--out", "there") == [
        *again_words,
        "--memory",
        str(1 << 30),
        "--cpu",
        "2.5",
        "--seed",
        "7",
    ]
    assert said("p", "--seed", "3") == ["chaos", "handler", "test", "p", "--seed", "3"]


@pytest.mark.parametrize(
    "words", [("--input", "x"), ("--input", "=1"), ("--memory", "much"), ("--cpu", "nan")]
)
def test_what_is_none_is_a_usage_error(words: tuple[str, str]) -> None:
    ended = CliRunner().invoke(command, ["p", *words])

    assert ended.exit_code == 2
    assert "Error: Invalid value" in ended.output
