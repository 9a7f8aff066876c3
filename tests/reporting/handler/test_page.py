"""The page of a handler: one file, the verdict first, a place for each figure, and texts of others stay texts."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs

from chaos.reporting.handler.page import render_page
from chaos.reporting.handler.rows import MOST_ROWS
from tests.reporting.handler import results
from tests.reporting.test_html import CHROMIUM, Outline, drawn_by_chromium

RESULTS = ["passing", "failing", "undecided", "hostile", "compatible", "pipeline", "broken"]


@cache
def page(name: str) -> str:
    return render_page(getattr(results, name)())


@pytest.mark.parametrize("name", RESULTS)
def test_it_is_well_formed_and_each_figure_has_its_place(name: str) -> None:
    outline = Outline(page(name))
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', page(name), re.S)[1])  # type: ignore[index]
    ids = [attributes["id"] for _tag, attributes in outline.tags if "id" in attributes]

    assert outline.open == []
    assert len(ids) == len(set(ids))
    assert set(figures) <= set(ids)
    assert [tag for tag, _ in outline.tags].count("h1") == 1
    assert all("scope" in attributes for tag, attributes in outline.tags if tag == "th")


def test_what_failed_is_told_with_the_sample_and_what_it_gave() -> None:
    outline = Outline(page("failing"))

    assert outline.texts["h1"] == ["It is not fit to be deployed"]
    assert any("nor do pipeline, generated, memory" in text for text in outline.texts["p"])
    assert "raised an error, 4 times" in outline.texts["span"]
    assert "answered, and should have been refused" in outline.texts["span"]
    assert "code/inference.py:14" in outline.texts["span"]
    assert '{"values": [1.0, 2.0, 3.0]}' in "".join(outline.texts["pre"])
    assert "254 KiB to 259 KiB" in outline.texts["span"]
    # what a check tells is not told again
    assert page("failing").count("1 of 2 calls raised") == 2
    assert "the disk is full" in "".join(outline.texts["li"])
    # those that went as they should come after the others
    assert page("failing").index("two.json</span>") < page("failing").index("one.json</span>")


def test_requests_that_were_made_are_counted_by_kind() -> None:
    outline = Outline(page("failing"))

    assert outline.texts["th"][-6:-2] == ["Kind", "Answered", "Raised", "Timeout"]
    assert outline.texts["th"][-2:] == ["missing field", "nesting"]
    assert "KeyError: 'values'" in "".join(outline.texts["dd"])
    assert "Requests that nobody wrote for it" not in page("passing")
    # a pass needs no evidence
    assert page("passing").count("<summary>Evidence") == 0
    assert page("failing").count("<summary>Evidence") == 2


def test_a_pass_shows_times_of_each_function_and_memory() -> None:
    outline = Outline(page("passing"))
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', page("passing"), re.S)[1])  # type: ignore[index]

    assert outline.texts["h1"] == ["It is fit to be deployed"]
    assert set(figures) == {"times-0", "memory-0"}
    assert {"model_fn", "input_fn", "predict_fn", "output_fn", "whole request"} <= set(outline.texts["th"])
    assert 'class="wrong"' not in page("passing")
    assert "Nothing was answered" in page("undecided")


def test_a_graph_is_drawn_with_each_handler_below() -> None:
    outline = Outline(page("pipeline"))

    assert [tag for tag, _ in outline.tags].count("rect") == 4
    lines = [attributes for tag, attributes in outline.tags if tag == "path" and "marker-end" in attributes]
    assert [each["class"] for each in lines] == ["pass", "pass", "fail"]
    assert "Its own tests: 12 of 12 checks hold" in outline.texts["summary"]
    assert "Its own tests: 1 of 6 checks hold" in outline.texts["summary"]


def test_a_type_that_does_not_fit_is_no_fault_where_another_does() -> None:
    assert 'class="wrong"' not in page("compatible")
    assert render_page(results.compatible(False)).count('class="wrong"') == 2


def test_of_very_many_samples_so_many_are_shown() -> None:
    many = results.passing().model_copy(
        update={"end_to_end_results": tuple(results.run(f"{number}.json") for number in range(MOST_ROWS + 7))}
    )

    assert "… and 7 more rows" in render_page(many)


@pytest.mark.parametrize("name", ["hostile", "broken"])
def test_texts_of_others_stay_texts_and_nothing_is_loaded(name: str) -> None:
    outline = Outline(page(name))
    rest = page(name).replace(str(get_plotlyjs()), "")

    assert "img" not in [tag for tag, _ in outline.tags]
    assert [tag for tag, _ in outline.tags].count("script") == 3
    assert not re.search(r"https?://", rest)
    assert not re.search(r"@import|url\((?!#)", rest)
    assert "default-src 'none'" in rest


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("name", ["hostile", "pipeline"])
def test_a_browser_draws_it_without_an_error(name: str, tmp_path: Path) -> None:
    opened = page(name).replace("<details", "<details open")
    drawn, said = drawn_by_chromium(opened, "1", tmp_path)

    assert "CONSOLE" not in said
    # each figure is several drawings
    assert drawn.count('class="main-svg"') >= (3 if name == "hostile" else 8)
