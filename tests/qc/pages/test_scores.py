"""The section of a night's scores."""

from __future__ import annotations

from dataclasses import replace

from pulsefront.qc.nightly.run import ScoreRow, ScoreRun
from pulsefront.qc.pages.scores import score_section
from pulsefront.report import Page, render
from strategies_qc import DAY

ROW = ScoreRow(
    run_id="r", unit_id="PET1", component_id="", as_of=DAY, lead_days=2, horizon_days=28,
    probability=0.2, probability_low=0.1, probability_high=0.4, decision="alert",
    reasons="gain drifting", model_hash="m", data_hash="d",
)  # fmt: skip


def test_components_come_by_risk_with_the_level_of_their_intervals():
    more = replace(ROW, unit_id="PET2", probability=0.5, probability_high=0.6)
    none = replace(
        ROW, unit_id="PET3", probability=None, probability_low=None, probability_high=None,
        decision="no decision", reasons="no QC for 9 working days",
    )  # fmt: skip
    run = ScoreRun(
        run_id="r", as_of_s=DAY, rows=(ROW, more, none), failed_units={}, quarantined=0,
        model_hash="m", data_hash="d", confidence=0.9, records_read=0, units_resumed=0,
        checkpoints={},
    )  # fmt: skip
    section = score_section(run)
    assert [row[0] for row in section.blocks[0].rows] == ["PET2", "PET1"]
    page = render(Page("t", "", [section]))
    assert "as of 1970-01-01, with 90% intervals" in page
    assert "no QC for 9 working days" in page
