"""Names that came out of logs, or over from other sites, stay texts on every page with figures."""

from __future__ import annotations

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


@pytest.mark.parametrize("name", NAMES)
def test_names_of_sites_stay_texts(name):
    result = FederatedResult(
        plan="p", confidence=0.95, rounds=8, features=9, judgements=(judgement(name),), gain=SOME
    )
    page = render(federated_page(result, {"Data": name}))
    assert "<img" not in page
    assert "DROP TABLE" in page or "DROP" not in name


@pytest.mark.parametrize("name", NAMES)
def test_names_of_tests_stay_texts_in_the_heat_map(name):
    record = SimpleNamespace(
        correlation_features=(f"{name}:level", "gain:level"),
        correlation=((1.0, 0.2), (0.2, 1.0)),
        redundant_features=(),
        features_kept=(),
    )
    page = render(Page("x", "", [features_section(record)], {}))
    assert "<img" not in page
