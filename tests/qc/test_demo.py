"""The demonstration ends with pages that show what the product is for."""

from __future__ import annotations

import pytest

from pulsefront.qc.demo import demo


@pytest.mark.slow
def test_demonstration_shows_a_night_with_alerts(tmp_path):
    done = demo(tmp_path)
    assert done.alerts > 0
    night = (tmp_path / "night.html").read_text(encoding="utf-8")
    assert "new alert" in night or "open alert" in night
    assert "was trained on: it has seen" in night
    assert done.page.exists()
    assert len(list((tmp_path / "scores").glob("*.csv"))) == 14
