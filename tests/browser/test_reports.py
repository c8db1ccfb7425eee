"""Every kind of report in a browser: it asks for nothing, complains of nothing, fits and prints.

PULSEFRONT_REPORTS names a folder of finished runs, such as `out` after `make studies`: all pages in
it are looked at as well. Pictures go to the folder that PULSEFRONT_BROWSER_OUT names.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pulsefront.files import write_text
from pulsefront.studies.compare import compare_runs
from pulsefront.studies.evaluation.run import run_evaluation
from pulsefront.studies.load import load_any_study
from pulsefront.studies.pages.compare import comparison_page
from pulsefront.studies.run import run_study
from studies_small import TIMING_CHANGES, small

PHONE = (390, 844)
MOST_BYTES = 5_000_000
KINDS = ("study", "evaluation", "comparison")

EVALUATION = """
study_type = "evaluation"
name = "evaluated"
seed = 7
[frozen]
development = "study"
baseline = "digital CFD"
[claim]
bound = 3000.0
replicates = 400
[[external]]
name = "specimen"
events = 300
"""

OTHERS = sorted(Path(os.environ["PULSEFRONT_REPORTS"]).rglob("*.html")) if (
    "PULSEFRONT_REPORTS" in os.environ
) else []  # fmt: skip

DESIGNS = "\n[diagnosis]\nlearning_curve = [0.3]\nfolds = 2\n[[diagnosis.validation]]\n"
DESIGNS += 'design = "leave_one_group_out"\n'


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    study = folder / "study.toml"
    study.write_text(small("timing_lyso_pair", TIMING_CHANGES) + DESIGNS)
    first = run_study(study, folder / "study", lambda _: None)
    study.write_text(small("timing_lyso_pair", {**TIMING_CHANGES, "hidden": "[2, 2]"}))
    second = run_study(study, folder / "second", lambda _: None)
    (folder / "evaluation.toml").write_text(EVALUATION)
    evaluation, file = load_any_study(folder / "evaluation.toml")
    evaluated = run_evaluation(evaluation, file, folder / "evaluated", lambda _: None)
    write_text(folder / "comparison.html", comparison_page(compare_runs([first, second])))
    return {
        "study": first / "report.html",
        "evaluation": evaluated / "report.html",
        "comparison": folder / "comparison.html",
    }


@pytest.fixture(params=[*KINDS, *OTHERS], ids=lambda one: str(one)[-60:])
def page(request: pytest.FixtureRequest) -> Path:
    named = request.param
    if isinstance(named, Path):
        return named
    pages: dict[str, Path] = request.getfixturevalue("pages")
    return pages[named]


def test_a_report_asks_for_nothing_and_complains_of_nothing(browser, page: Path) -> None:
    browser.open(page)
    # What a page carries within itself (data:) is read, not asked for.
    asked = [one for one in browser.requests() if not one.startswith("data:")]
    assert asked == [page.as_uri()]
    assert browser.complaints() == []
    assert page.stat().st_size < MOST_BYTES


def test_a_report_fits_a_phone(browser, page: Path, tmp_path: Path) -> None:
    browser.open(page, size=PHONE)
    width = browser.run("return document.scrollingElement.scrollWidth")
    beyond = browser.run(
        """return Array.from(document.querySelectorAll('main *'))
        .filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
        .filter((e) => !e.closest('.scroll, pre, svg *'))
        .map((e) => e.tagName + ' ' + e.textContent.trim().slice(0, 40)).slice(0, 5)"""
    )
    out = Path(os.environ.get("PULSEFRONT_BROWSER_OUT", tmp_path))
    browser.picture(out / f"phone-{page.parent.name}-{page.stem}.png", whole=True)
    assert beyond == []
    assert width <= PHONE[0]


CONTRAST = """
const luminance = (text) => {
  const parts = text.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
};
const body = getComputedStyle(document.body), root = getComputedStyle(document.documentElement);
const clear = (c) => c === 'rgba(0, 0, 0, 0)';
const back = luminance(clear(body.backgroundColor) ? root.backgroundColor : body.backgroundColor);
return ['main p', 'main td', 'main figcaption', 'main h2'].map((s) => document.querySelector(s))
  .filter((e) => e).map((e) => luminance(getComputedStyle(e).color))
  .map((l) => (Math.max(l, back) + 0.05) / (Math.min(l, back) + 0.05)).concat([back]);
"""


def test_a_report_is_legible_in_light_and_dark(browser, page: Path) -> None:
    backs = []
    for dark in (False, True):
        browser.open(page, dark=dark)
        *contrasts, back = browser.run(CONTRAST)
        # WCAG 2.1, 1.4.3: text against its background.
        assert contrasts
        assert min(contrasts) >= 4.5
        backs.append(back)
    assert backs[0] > 0.8
    assert backs[1] < 0.05


def test_a_report_prints(browser, page: Path, tmp_path: Path) -> None:
    browser.open(page)
    printed = browser.printed(tmp_path / "page.pdf")
    assert printed.startswith(b"%PDF")
    assert len(printed) > 20_000


def test_the_lines_of_a_checklist_lead_to_their_evidence(browser, page: Path) -> None:
    browser.open(page)
    links = browser.run(
        """return Array.from(document.querySelectorAll('a.evidence')).map((a) => [a.hash,
        document.getElementById(a.hash.slice(1))?.querySelector('h2')?.textContent,
        a.textContent])"""
    )
    if not links:
        assert not browser.texts(".checklist dt")
        return
    assert len(links) == len(browser.texts(".checklist dt"))
    for _, heading, words in links:
        assert heading == words
    # The first thing after the heading and contents is what came out.
    first = browser.texts("main section h2")[0]
    assert first in ("What came out", "Claim and verdict")
