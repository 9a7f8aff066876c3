"""The page is one file, says the verdict first, and stays whole whatever texts it is given."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs

from chaos.analysis import analyse
from chaos.reporting.html import render_html
from tests.reporting import histories, storms

HISTORIES = ["passing", "failing", "guarded", "broken_off", "empty", "hostile", "storm", "hostile_storm"]
CHROMIUM = shutil.which("chromium")


@cache
def page_of(history: str) -> str:
    events = getattr(storms if "storm" in history or history == "left_behind" else histories, history)()
    return render_html(events, analyse(events))


class Outline(HTMLParser):
    """Elements and texts of a page."""

    VOID = frozenset({"meta", "img", "br", "input", "link", "hr"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self.open[-1:]:
            self.texts.setdefault(tag, []).append(data)


@pytest.mark.parametrize("history", HISTORIES)
def test_every_page_is_well_formed_and_has_a_place_for_each_figure(history: str) -> None:
    page = page_of(history)
    outline = Outline(page)

    assert outline.open == []
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', page, re.S)[1])  # type: ignore[index]
    ids = [attributes["id"] for _tag, attributes in outline.tags if "id" in attributes]
    assert set(figures) <= set(ids)
    assert len(ids) == len(set(ids))
    assert [tag for tag, _ in outline.tags].count("h1") == 1
    assert all("scope" in attributes for tag, attributes in outline.tags if tag == "th")


@pytest.mark.parametrize(
    ("history", "headline"),
    [("passing", "It held"), ("failing", "It did not hold"), ("empty", "We cannot tell")],
)
def test_the_verdict_comes_first_and_has_a_sign(history: str, headline: str) -> None:
    events = getattr(histories, history)()
    summary = analyse(events)
    outline = Outline(render_html(events, summary))

    assert outline.texts["h1"] == [headline]
    assert summary.reason in outline.texts["p"]
    assert outline.texts["span"][0] in {"✓", "✗", "?"}


def test_nothing_is_loaded_from_anywhere() -> None:
    page = page_of("passing").replace(str(get_plotlyjs()), "")

    assert not re.search(r"https?://", page)
    loading = {"src", "href", "srcset", "data", "action", "poster"}
    assert not [attributes for _, attributes in Outline(page).tags if loading & set(attributes)]
    assert "default-src 'none'" in page
    assert not re.search(r"@import|url\(", page)


@pytest.mark.parametrize("history", ["hostile", "hostile_storm"])
def test_hostile_texts_stay_texts(history: str) -> None:
    outline = Outline(page_of(history))

    assert "img" not in [tag for tag, _ in outline.tags]
    assert [tag for tag, _ in outline.tags].count("script") == 3
    assert not [name for _, attributes in outline.tags for name in attributes if name.startswith("on")]
    assert any(histories.HOSTILE_NAME[:40] in text for text in outline.texts["dd"])


def test_what_failed_and_what_casts_doubt_is_named() -> None:
    page = page_of("guarded")

    assert "A guard of" in page
    assert "killed by signal 9" in page
    assert "no answer within 0.5 s" in page
    assert "cut short" in page


def test_checks_are_shown_with_what_was_found() -> None:
    page = page_of("storm")
    outline = Outline(page)

    assert "Checks" in outline.texts["h2"]
    assert (
        "1 replica killed by the kernel, named OOMKilled; capacity was back after 1.7 s."
        in outline.texts["td"]
    )
    assert "Executions were not recorded (only the embedded platform does it)." in outline.texts["td"]
    assert "Checks" not in Outline(page_of("passing")).texts["h2"]


def test_a_fault_that_was_not_reverted_is_said_before_all_else() -> None:
    page = page_of("left_behind")

    alarm = page.index("A fault may still be in force")
    assert alarm < page.index("<h1>")
    assert page.count("send SIGCONT to pid 77") >= 3
    assert 'role="alert"' not in page_of("storm")


def test_the_table_of_faults_says_what_was_touched_and_done() -> None:
    outline = Outline(page_of("storm"))

    assert "one replica of 'hungry'" in outline.texts["td"]
    assert "undid oom-2" in outline.texts["span"]
    swatches = [
        attributes["style"] for _tag, attributes in outline.tags if attributes.get("class") == "swatch"
    ]
    assert swatches == [f"background: var(--fault-{number}-ink)" for number in range(3)]


def drawn_by_chromium(page: str, scheme: str, directory: Path) -> tuple[str, str]:
    """The document after its scripts ran, and what Chromium said meanwhile."""
    (directory / "report.html").write_bytes(page.encode(errors="replace"))
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
    ]
    command += ["--no-first-run", "--enable-logging=stderr", f"--user-data-dir={directory}/profile"]
    command += [f"--blink-settings=preferredColorScheme={scheme}", "--virtual-time-budget=5000", "--dump-dom"]
    process = subprocess.Popen(
        [*command, f"file://{directory}/report.html"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        drawn, said = process.communicate(timeout=90)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, said
    return drawn, said


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("scheme", ["0", "1"], ids=["dark", "light"])
def test_a_browser_draws_it_without_an_error_or_a_request(scheme: str, tmp_path: Path) -> None:
    drawn, said = drawn_by_chromium(page_of("hostile_storm"), scheme, tmp_path)

    # What the content security policy forbids is an error on the console as well.
    assert "CONSOLE" not in said
    assert drawn.count('class="main-svg"') >= 11
    assert not re.search(r"<img[^>]*onerror", drawn)


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_request_would_be_seen(tmp_path: Path) -> None:
    page = page_of("empty").replace("<footer>", '<img src="http://127.0.0.1:9/x.png"><footer>')
    _drawn, said = drawn_by_chromium(page, "1", tmp_path)

    assert "CONSOLE" in said
    assert "Content Security Policy" in said
