"""The comment is short, says the verdict first, and is not broken by any text."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.analysis import Summary, analyse
from chaos.reporting.markdown import render_markdown
from tests.reporting import histories, storms


def summary_of(history: str) -> Summary:
    return analyse(getattr(histories, history)())


PASSED = summary_of("passing")


@pytest.mark.parametrize("history", ["passing", "failing", "guarded", "broken_off", "empty"])
def test_it_fits_a_comment_and_holds_what_matters(history: str) -> None:
    summary = summary_of(history)
    text = render_markdown(summary)

    assert len(text) < 3500
    assert text.startswith("## ")
    assert summary.replay in text
    assert text.count("\n| ") == len({(result.probe, result.objective) for result in summary.objectives}) + 1


def test_what_may_still_be_in_force_comes_first() -> None:
    text = render_markdown(analyse(storms.left_behind()))

    assert text.startswith(
        "> **A fault may still be in force:** process-3 could not be reverted: send SIGCONT"
    )
    assert "NOT REVERTED" in text


def test_checks_are_listed_and_what_was_done_to_revert_is_told() -> None:
    text = render_markdown(analyse(storms.storm()))

    assert "- ✓ oom hungry: 1 replica killed by the kernel" in text
    assert text.index("- ? executed") < text.index("- ✓ oom")
    assert "(undid link-1)" in text


def test_rows_have_the_columns_of_the_head() -> None:
    lines = [line for line in render_markdown(summary_of("hostile")).splitlines() if line.startswith("|")]

    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {7}


def test_what_failed_comes_first_when_there_is_too_much() -> None:
    passed = summary_of("passing").objectives[0]
    failed = summary_of("failing").objectives[1]
    many = [dataclasses.replace(passed, probe=f"probe-{number}") for number in range(3000)]
    text = render_markdown(dataclasses.replace(PASSED, objectives=(*many, failed)))

    assert len(text) < 60_000
    assert "more objectives are in report.html" in text
    rows = [line for line in text.splitlines() if line.startswith("| ✗")]
    assert len(rows) == 1


@given(st.text(), st.text())
def test_no_text_breaks_out_of_its_place(text: str, other: str) -> None:
    spoilt = dataclasses.replace(
        PASSED, title=text, reason=other, target=text, replay=other, defects=(text,), problems=(text, other)
    )
    written = render_markdown(spoilt)
    outside = re.sub(r"(?<![\\`])(`+)(?!`).*?(?<!`)\1(?!`)", "", written, flags=re.S)

    assert not re.search(r"(?<!\\)<(?!!--)", outside)
    assert not re.search(r"@\w", outside)
    assert all(char.isprintable() or char == "\n" for char in written.replace("\t", ""))
    assert sum(line.startswith("| ") for line in outside.splitlines()) == 5
