"""Names that came out of logs, or over from other sites, stay texts on every page with figures."""

from __future__ import annotations

from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from pulsefront.qc.documents import Range
from pulsefront.qc.federate.documents import FederatedResult, SiteJudgement
from pulsefront.qc.pages.features import features_section
from pulsefront.qc.pages.federate import federated_page
from pulsefront.report import Page, render

NAMES = ["<img src=x onerror=alert(1)>", r"$\frac{$ \bad", "'; DROP TABLE unit; --", "\u202egpj"]
SOME = Range(value=0.01, low=-0.01, high=0.03)


def judgement(site: str) -> SiteJudgement:
    return SiteJudgement(
        plan="p", site=site, units=3, rows=90, rows_before_failure=5, failures_trained_on=2,
        failures_judged=2, own_model=True, log_loss_own=0.1, log_loss_federated=0.09, gain=SOME,
        standard_error=0.01, average_precision_own=0.1, average_precision_federated=0.2,
        gain_average_precision=SOME,
    )  # fmt: skip


class Read(HTMLParser):
    """What a browser makes of a page: its elements, and the texts in each kind of them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {}
        self._last = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self._last = tag
        self.texts.setdefault(tag, [])

    def handle_data(self, data):
        self.texts.setdefault(self._last, []).append(data.strip())


@pytest.mark.parametrize("name", NAMES)
def test_names_of_sites_stay_texts(name):
    result = FederatedResult(
        plan="p", confidence=0.95, rounds=8, features=9, judgements=(judgement(name),), gain=SOME
    )
    read = Read(render(federated_page(result, {"Data": name})))
    assert "img" not in read.texts
    assert name in read.texts["td"]  # the row of the site
    assert name in read.texts["text"]  # its tick in the figure
    assert name in read.texts["dd"]  # what the page was made of


@pytest.mark.parametrize("name", NAMES)
def test_names_of_tests_stay_texts_in_the_heat_map(name):
    record = SimpleNamespace(
        correlation_features=(f"{name}:level", "gain:level"),
        correlation=((1.0, 0.2), (0.2, 1.0)),
        redundant_features=(),
        features_kept=(),
    )
    read = Read(render(Page("x", "", [features_section(record)], {})))
    assert "img" not in read.texts
    assert read.texts["text"].count(name) == 2  # a row and a column of the map
