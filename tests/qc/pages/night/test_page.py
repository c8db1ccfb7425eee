"""The page of the night: complete without its script, harmless whatever the names, one file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from pulsefront.qc.pages.night.page import SHOWN_AT_FIRST, render_night
from strategies_night import AS_OF, HOSTILE, chart, night, page, part, thousand, unit
from strategies_qc import DAY


class Tree(HTMLParser):
    """Elements with their attributes, and the text of the body."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self.inside = ""

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in {"script", "style"}:
            self.inside = tag
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"} and self.rows:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        if tag == self.inside:
            self.inside = ""

    def handle_data(self, data):
        if self.inside:
            return
        self.texts.append(data)
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def tree(html: str) -> Tree:
    found = Tree()
    found.feed(html)
    return found


def data_of(html: str):
    return json.loads(
        re.search(r'<script type="application/json" id="night">(.*?)</script>', html)[1]
    )


def test_table_tells_each_scanner_by_risk_without_any_script():
    rows = [row for row in tree(render_night(night())).rows if row and row[0] in {
        "alert", "watch", "no decision", "no alert", "not scored"}]  # fmt: skip
    assert [row[1].replace("north · ring12", "").replace("south · ring12", "") for row in rows] == [
        "PET1", "PET2", "PET3", "PET4", "PET5", "PET6"]  # fmt: skip
    first = rows[0]
    assert first[2] == "block7"
    assert first[3] == "46 %23 to 92"
    assert first[5] == "2 to 30 d"
    assert first[6] == "photopeak kev 1.7 limit-units in 30 days"
    assert first[7] == "this day"
    assert first[8] == "opensince 24 Nov"
    assert rows[2][7] == "12 days ago9 missed"


def test_only_the_first_hundred_rows_are_laid_out():
    rows = [a for tag, a in tree(render_night(thousand())).elements
            if tag == "tr" and "data-unit" in a]  # fmt: skip
    assert len(rows) == 1000
    assert sum("hidden" not in row for row in rows) == SHOWN_AT_FIRST


def test_a_thousand_scanners_fit_in_six_megabytes():
    assert len(render_night(thousand()).encode()) < 6_000_000


def test_the_same_night_gives_the_same_bytes():
    assert render_night(night()) == render_night(night())


def test_policy_names_the_one_script_by_its_hash_and_allows_no_address():
    html = render_night(night())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy.replace("&#39;", "'")
    assert policy.startswith("default-src 'none'")
    for name in ("http", "//", "url(", "@import"):
        assert name not in policy
    for tag, attributes in tree(html).elements:
        for name in ("src", "href", "action", "data", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)


@pytest.mark.parametrize("text", [HOSTILE, "a</script>b", "<!--<script>", "\u2028]]>", "{{ 7*7 }}"])
def test_hostile_names_stay_texts(text):
    hostile = unit(
        text, part("alert", 0.5, text, text), site=text, model=text, serial=text, software=text,
        charts=(chart(text, text, measurement_unit=text),),
    )  # fmt: skip
    plain = unit("PET1", part("alert", 0.5, "x", "y"), charts=(chart(),))
    html = render_night(replace(page(hostile), facts={text: text}, closed=(text,)))
    expected = [tag for tag, _ in tree(render_night(replace(page(plain), facts={"a": "b"},
                closed=("c",)))).elements]  # fmt: skip
    assert [tag for tag, _ in tree(html).elements] == expected
    assert not any(name.startswith("on") for _, a in tree(html).elements for name in a)
    data = data_of(html)
    assert data["units"][0]["id"] == text
    assert data["tests"][0] == [text, text]


def test_data_hold_no_sign_that_could_end_their_element():
    html = render_night(page(unit(HOSTILE)))
    inside = re.search(r'id="night">(.*?)</script>', html, re.DOTALL)[1]
    assert not set("<>&") & set(inside)
    assert json.loads(inside)["units"][0]["id"] == HOSTILE


def test_night_in_order_says_so():
    html = render_night(page(unit("PET1")))
    assert "Nothing tonight." in html
    assert '<ol class="advice">' not in html


def test_what_is_missing_is_listed_scanner_by_scanner():
    late = chart()
    known_s = late.known_s.copy()
    known_s[-4:-2] += 2 * DAY
    html = render_night(page(
        unit("PET1", charts=(replace(late, known_s=known_s),)),
        unit("PET2", last_qc_s=None),
        unit("PET3", part("no decision", reasons="unknown software version 'V2'"), software="V2"),
        unit("PET4", missed_days=2.0, last_qc_s=AS_OF - 4 * DAY),
    ))  # fmt: skip
    texts = " ".join(tree(html).texts)
    assert "2 days came in late within 30" in texts
    assert "no QC known" in texts
    assert "software V2 is unknown to the model" in texts
    assert "2 working days missed, last 24 November 2025" in texts


def test_model_panel_tells_what_is_known_and_that_nothing_is():
    known = " ".join(tree(render_night(night())).texts)
    assert "alerts that were right 60 % 30 to 80 (95% interval)" in " ".join(known.split())
    assert "of 9 alerts, 2 of them not decided yet" in known
    assert "5 of 8" in known
    assert "1 of 2 inputs beyond" in known
    assert "Nothing can be said yet" in " ".join(tree(render_night(page(unit("PET1")))).texts)
