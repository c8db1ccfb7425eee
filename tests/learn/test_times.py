"""Discriminators behind fit and predict: labels of one time an event, and pulses without one."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.learn import ConstantFractionTime, EstimateWarning, LeadingEdgeTime
from toys_learn import pairs

ESTIMATORS = pytest.mark.parametrize("kind", [LeadingEdgeTime, ConstantFractionTime])


@ESTIMATORS
def test_a_fit_wants_one_time_an_event(kind: type) -> None:
    waveforms, known, _ = pairs(300)
    with pytest.raises(DataError, match=r"y: needs one time difference an event.*\(300, 2\)"):
        kind().fit(waveforms, np.column_stack([known, known]))
    column, flat = (kind().fit(waveforms, one) for one in (known[:, None], known))
    assert column.parameters_ == flat.parameters_


@ESTIMATORS
def test_flat_pulses_have_no_time_and_a_warning_says_how_many(kind: type) -> None:
    waveforms, known, _ = pairs(300)
    fitted = kind().fit(waveforms, known)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = fitted.predict(waveforms)
    assert np.isfinite(whole).all()
    waveforms[[4, 7], 1] = 100
    with pytest.warns(EstimateWarning, match="2 of 300 events have no time.*event 4: a pulse"):
        found = fitted.predict(waveforms)
    assert np.flatnonzero(np.isnan(found)).tolist() == [4, 7]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted.score(waveforms, known)
    with pytest.warns(EstimateWarning, match="2 of 2 events"):
        assert np.isnan(fitted.predict(waveforms[[4, 7]])).all()
