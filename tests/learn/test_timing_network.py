"""A quantized network for time differences, beside the discriminators."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.learn import ConstantFractionTime, EstimateWarning, LeadingEdgeTime
from toys_learn import pairs

torch = pytest.importorskip("torch")

from pulsefront.learn import TimingNetwork  # noqa: E402


def test_times_of_pairs_beside_the_leading_edge() -> None:
    waveforms, known, offset = pairs()
    test_waveforms, test_known, _ = pairs(800, seed=2)
    network = TimingNetwork(hidden=(8,), epochs=20, batch=64)
    network.fit(waveforms, known, groups=offset)
    found = network.predict(test_waveforms)
    assert np.isfinite(found).all()
    slope = np.polyfit(test_known, found, 1)[0]
    assert slope == pytest.approx(1.0, abs=0.05)
    edge = LeadingEdgeTime().fit(waveforms, known)
    fraction = ConstantFractionTime().fit(waveforms, known)
    report = network.report(
        test_waveforms, test_known, beside={"leading edge": edge, "CFD": fraction}
    )
    width = {name: row["central 76.1 % width (ps)"].value for name, row in report.table.items()}
    # The pulses are smeared by 20 ps a side, which leaves 67 ps between the two.
    assert 55.0 < width["network"] < 130.0
    assert 55.0 < width["CFD"] < 130.0
    assert network.score(test_waveforms, test_known) == pytest.approx(
        -width["network"] / 1000, rel=0.02
    )


def test_a_record_without_a_whole_window_has_no_time() -> None:
    waveforms, known, offset = pairs(600)
    network = TimingNetwork(hidden=(4,), epochs=1, batch=64).fit(waveforms, known, groups=offset)
    waveforms[0, 1] = 100
    with pytest.warns(EstimateWarning, match="1 of 600 events have no time.*whole window"):
        found = network.predict(waveforms)
    assert np.isnan(found[0])
    assert np.isfinite(found[1:]).all()
    with pytest.raises(DataError, match="no estimate"):
        network.score(np.broadcast_to(waveforms[:1], (5, 2, 40)), known[:5])
