"""A page is one file that needs nothing else and shows what it was given."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from pulsefront.evaluate import Interval
from pulsefront.report import (
    Callout,
    Checklist,
    ChecklistItem,
    FigureBlock,
    Grid,
    Page,
    Paragraph,
    Preformatted,
    Section,
    Table,
    Tile,
    Tiles,
    render,
)
from pulsefront.report.figures import comparison_bars, residual_histograms
from pulsefront.report.render import format_cell, format_number, is_numeric

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Structure(HTMLParser):
    """Collects tags, identifiers and addresses, and checks that elements are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.identifiers: list[str] = []
        self.addresses: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.identifiers.append(value or "")
            if name in {"href", "src", "xlink:href", "action", "data"}:
                self.addresses.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def structure(html: str) -> Structure:
    parser = Structure()
    parser.feed(html)
    parser.close()
    return parser


def page() -> Page:
    residuals = {"network": np.random.default_rng(0).normal(size=500)}
    histogram = residual_histograms(residuals, label="residual x", unit="mm")
    bars = comparison_bars({"network": (1.0, 0.9, 1.1)}, label="2-D FWHM (mm)")
    return Page(
        "A title with <angle> & ampersand",
        "Subtitle",
        [
            Section(
                "Numbers",
                [
                    Tiles([Tile("FWHM", Interval(0.461, 0.453, 0.47), "mm", "a note", "good")]),
                    Paragraph("A paragraph <script>alert(1)</script>"),
                    Callout("A limit", "warning"),
                    Table(
                        ["name", "value (mm)"],
                        [["first", 1.5], ["second", None], ["third", Interval(1.0, 0.9, 1.1)]],
                        "A caption",
                        highlight=[0],
                    ),
                ],
            ),
            Section("Figures", [FigureBlock(histogram, 'Residuals "quoted"', "The caption")]),
            Section(
                "Rest",
                [
                    Grid([FigureBlock(bars, "Bars"), Preformatted("a  <b>")]),
                    Checklist(
                        [
                            ChecklistItem("Leakage", "Any?", "none", done=True),
                            ChecklistItem("Sham", "Done?", "not done: time", done=False),
                        ]
                    ),
                ],
            ),
        ],
        {"Seed": "1"},
    )


@pytest.fixture(scope="module")
def html() -> str:
    return render(page())


def test_elements_are_closed_in_order_and_identifiers_unique(html: str) -> None:
    found = structure(html)
    assert found.open == []
    assert len(set(found.identifiers)) == len(found.identifiers)
    assert found.tags.count("h1") == 1
    assert found.tags.count("svg") == 2


def test_nothing_outside_the_file_is_addressed(html: str) -> None:
    found = structure(html)
    assert all(a.startswith(("#", "data:")) for a in found.addresses)
    assert not {"script", "link", "iframe", "img", "object"} & set(found.tags)
    assert "@import" not in html
    assert re.findall(r"url\((?!#)", html) == []
    namespaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"https?://[^\"'\s<]+", html)) <= namespaces


def test_every_reference_within_the_page_has_its_target(html: str) -> None:
    found = structure(html)
    wanted = {a[1:] for a in found.addresses if a.startswith("#")}
    wanted |= set(re.findall(r"url\(#([^)]+)\)", html))
    assert wanted <= set(found.identifiers)


def test_texts_are_escaped(html: str) -> None:
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "A title with &lt;angle&gt; &amp; ampersand" in html
    assert "a  &lt;b&gt;" in html


def test_every_given_text_is_shown(html: str) -> None:
    text = " ".join(structure(html).text)
    for wanted in ("0.461", "0.453 to 0.470 (95% interval)", "a note", "A limit", "A caption"):
        assert wanted in text
    for wanted in ("first", "1.500", "1.00 [0.90, 1.10]", "The caption", "not done: time", "Any?"):
        assert wanted in text
    assert "residual x (mm)" in text


def test_the_same_page_gives_the_same_bytes(html: str) -> None:
    assert render(page()) == html


def test_figure_colours_are_variables_of_the_page(html: str) -> None:
    svg = html[html.index("<svg") : html.index("</svg>")]
    colours = re.findall(r"(?:fill|stroke): (#[0-9a-fA-F]{6})", svg)
    assert colours == []
    assert "var(--series-1, #0b6fb8)" in svg
    for name in set(re.findall(r"var\(--([a-z0-9-]+)", html)):
        # Each variable is defined for light pages and again for dark ones.
        assert html.count(f"--{name}:") == 2, name


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567, "1 234 567"),
        (-3, "−3"),
        (0.46123, "0.4612"),
        (2.0, "2"),
        (12345.6, "12 346"),
        (1e-7, "1.000·10⁻⁷"),
        (2.5e9 + 0.5, "2.500·10⁹"),
        (float("nan"), "not a number"),
        (float("-inf"), "−∞"),
        (True, "yes"),
    ],
)
def test_numbers_are_written_for_reading(value: float, text: str) -> None:
    assert format_number(value).replace("\N{NARROW NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("value", "text", "numeric"),
    [
        (None, "–", False),
        (False, "no", False),
        (np.float32(0.5), "0.5000", True),
        (np.int64(7), "7", True),
        (np.bool_(1), "yes", False),
        (Interval(-1.0, -1.5, -0.5), "−1.0 [−1.5, −0.5]", True),
        ("text", "text", False),
    ],
)
def test_cells(value: object, text: str, numeric: bool) -> None:
    assert format_cell(value) == text
    assert is_numeric(value) is numeric
