"""The page of a verification: one file, the failure first, a place for each figure, and texts of others stay texts."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs

from chaos.reporting.verify.page import render_page
from chaos.reporting.verify.summary import summarise
from tests.reporting.test_html import CHROMIUM, Outline, drawn_by_chromium
from tests.reporting.verify import searches

HISTORIES = ["passing", "failing", "not_again", "undecided", "hostile"]


@cache
def page(history: str) -> str:
    return render_page(summarise(getattr(searches, history)()), Path("reports/x y"))


@pytest.mark.parametrize("history", HISTORIES)
def test_it_is_well_formed_and_each_figure_has_its_place(history: str) -> None:
    outline = Outline(page(history))
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', page(history), re.S)[1])  # type: ignore[index]
    ids = [attributes["id"] for _tag, attributes in outline.tags if "id" in attributes]

    assert outline.open == []
    assert len(ids) == len(set(ids))
    assert set(figures) <= set(ids)
    assert [tag for tag, _ in outline.tags].count("h1") == 1
    assert all("scope" in attributes for tag, attributes in outline.tags if tag == "th")


def test_the_failure_is_told_with_its_program_its_picture_and_how_to_run_it() -> None:
    text, outline = page("failing"), Outline(page("failing"))

    assert outline.texts["h1"] == ["A program failed"]
    assert "register a with 2 workers" in outline.texts["li"]
    assert "no order of the operations explains" in text
    assert "fails 4 of 5 times" in text
    assert "chaos run &#39;reports/x y/counterexample.json&#39;" in text
    assert "The program as it was found: 9 steps, 12 operations and faults" in text
    assert 'id="picture-0"' in text
    assert "6 of 26 combinations were reached" in text


def test_a_pass_has_no_failure_and_what_casts_doubt_is_named() -> None:
    assert 'class="failure"' not in page("passing")
    assert "What to know before" not in page("passing")
    assert "A model was left." in page("undecided")
    assert "did not come again" in page("not_again")


def test_texts_of_others_stay_texts_and_nothing_is_loaded() -> None:
    outline = Outline(page("hostile"))

    assert "img" not in [tag for tag, _ in outline.tags]
    assert [tag for tag, _ in outline.tags].count("script") == 3
    assert not [name for _, attributes in outline.tags for name in attributes if name.startswith("on")]
    assert not re.search(r"https?://", page("hostile").replace(str(get_plotlyjs()), ""))
    assert "default-src 'none'" in page("hostile")


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("history", ["failing", "hostile"])
def test_a_browser_draws_it_without_an_error_or_a_request(history: str, tmp_path: Path) -> None:
    drawn, said = drawn_by_chromium(page(history), "1", tmp_path)

    assert "CONSOLE" not in said
    assert drawn.count('class="main-svg"') >= 2
    assert not re.search(r"<img[^>]*onerror", drawn)
