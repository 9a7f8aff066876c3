"""The page of a matrix: one file, a link for each cell, a plot of each kind, and texts of others stay texts."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from plotly.offline import get_plotlyjs

from chaos.properties.table import CODES
from chaos.reporting.matrix.page import render_page
from chaos.reporting.matrix.plots import DRAWN, plots_of
from chaos.reporting.matrix.plots.base import Plot, log_axis, thinned
from tests.reporting.matrix.boards import FIGURES, matrix
from tests.reporting.test_html import CHROMIUM, Outline, drawn_by_chromium


@cache
def page() -> str:
    return render_page(matrix())


def figures() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(re.search(r'id="figures">(.*?)</script>', page(), re.S)[1])  # type: ignore[index]
    return found


def test_it_is_well_formed_and_each_figure_has_its_place() -> None:
    outline = Outline(page())
    ids = [attributes["id"] for _tag, attributes in outline.tags if "id" in attributes]

    assert outline.open == []
    assert len(ids) == len(set(ids))
    assert set(figures()) <= set(ids)
    assert [tag for tag, _ in outline.tags].count("h1") == 1
    links = {str(attributes["href"])[1:] for tag, attributes in outline.tags if tag == "a"}
    assert len(links) == 32
    assert links == {str(attributes["id"]) for tag, attributes in outline.tags if tag == "details"}


def test_texts_of_others_stay_texts_and_nothing_is_loaded() -> None:
    outline = Outline(page())

    assert "img" not in [tag for tag, _ in outline.tags]
    assert [tag for tag, _ in outline.tags].count("script") == 3
    assert not [name for _, attributes in outline.tags for name in attributes if name.startswith("on")]
    assert not re.search(r"https?://", page().replace(str(get_plotlyjs()), ""))
    assert "default-src 'none'" in page()


def test_what_failed_is_said_and_what_is_missing_is_a_dash() -> None:
    text = page()

    assert "Not every cell holds" in text
    assert "The target has no such thing." in text
    assert "1 s to \N{EN DASH}" in text
    assert "chaos matrix --target embedded --seed 42" in text


def test_every_property_is_drawn() -> None:
    assert set(DRAWN) == set(CODES) == set(FIGURES)
    for cell in matrix().cells:
        found = plots_of(cell)
        assert bool(found) == bool(cell.figure), cell
        assert not [picture for picture in found if "cannot be drawn" in picture.caption], cell
        for picture in found:
            if isinstance(picture, Plot):
                json.dumps(picture.figure, allow_nan=False)


def test_what_cannot_be_drawn_is_said() -> None:
    cell = next(cell for cell in matrix().cells if cell.code == "J")
    (picture,) = plots_of(replace(cell, figure={"unheard": "of"}))
    assert "cannot be drawn: KeyError" in picture.caption


def test_many_points_are_thinned_alike() -> None:
    at, values = thinned(list(range(100_000)), [str(number) for number in range(100_000)])

    assert len(at) <= 3000
    assert [str(number) for number in at] == values


@pytest.mark.parametrize(("low", "high"), [(0.02, 0.03), (1.0, 1e6), (5.0, 5.0)])
def test_a_logarithmic_axis_holds_what_it_is_for(low: float, high: float) -> None:
    axis = log_axis([low, high, 0.0])

    assert 10 ** axis["range"][0] < low <= high < 10 ** axis["range"][1]
    assert any(low / 3 <= tick <= high * 3 for tick in axis["tickvals"])
    assert log_axis([])["type"] == "log"


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_browser_draws_every_cell_without_an_error_or_a_request(tmp_path: Path) -> None:
    opened = page().replace('<details class="cell-details"', '<details open class="cell-details"')
    drawn, said = drawn_by_chromium(opened, "0", tmp_path)

    assert "CONSOLE" not in said
    assert drawn.count('class="main-svg"') >= 2 * len(figures())
    assert not re.search(r"<img[^>]*onerror", drawn)


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_what_is_closed_is_not_drawn(tmp_path: Path) -> None:
    drawn, said = drawn_by_chromium(page(), "1", tmp_path)

    assert "CONSOLE" not in said
    assert 'class="main-svg"' not in drawn
