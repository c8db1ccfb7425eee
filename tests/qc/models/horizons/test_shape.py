"""What is expected of the chances by days ahead: who gets which shape, and the file of them."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import ConfigError
from pulsefront.qc.models.horizons.curve import HORIZON_DAYS
from pulsefront.qc.models.horizons.fit import EVEN_SPREAD
from pulsefront.qc.models.horizons.shape import (
    expected_horizons,
    read_horizons,
    shipped_horizons,
    write_horizons,
)

BLEND = {"prior": 0.9, "hazard": 0.1}


def test_the_blend_has_its_shape_only_where_it_is_more_than_the_prior():
    known = shipped_horizons()
    blend, prior = expected_horizons("blend", BLEND, 30), expected_horizons("prior", BLEND, 30)
    alone = expected_horizons("blend", {"prior": 1.0}, 30)
    assert blend.bends is not None
    assert prior.bends is not None
    assert alone.bends is not None
    assert blend.bends.hazard.tolist() == [list(row) for row in known.blend.hazard]
    assert alone.bends.hazard.tolist() == prior.bends.hazard.tolist()
    assert prior.bends.hazard.tolist() == [list(row) for row in known.prior.hazard]
    assert (blend.deviation, blend.drift) == (known.blend.deviation, known.blend.drift)


def test_of_models_that_no_fleet_has_measured_nothing_special_is_expected():
    assert expected_horizons("boosting", BLEND, 30) is EVEN_SPREAD
    assert expected_horizons("ewma", {}, 30) is EVEN_SPREAD
    assert expected_horizons("blend", {"ewma": 1.0}, 30) is EVEN_SPREAD


def test_log_odds_of_another_window_are_moved_as_those_of_the_prior_model_are():
    month, week = (expected_horizons("prior", {}, days).bends for days in (30, 9))
    assert month is not None
    assert week is not None
    score = np.array([-6.0, -2.0])
    assert week.at(score + np.log(9 / 30)) == pytest.approx(month.at(score))


def test_what_ships_is_simulated_and_fleets_lie_apart_by_less_than_half():
    known = shipped_horizons()
    assert known.simulated
    assert (known.first_seed, known.fleets, known.scanners) == (8100, 60, 15)
    for shape in (known.prior, known.blend):
        assert np.shape(shape.hazard) == (len(HORIZON_DAYS), len(known.score))
        assert len(shape.shift) == len(known.score)
        assert 0.02 <= shape.deviation < 0.5  # the least that is ever taken for granted
        assert 0.05 < shape.drift < 0.3


def test_what_ships_is_written_and_read_back_and_other_files_are_refused(tmp_path):
    write_horizons(shipped_horizons(), tmp_path / "horizons.json")
    assert read_horizons(tmp_path / "horizons.json") == shipped_horizons()
    (tmp_path / "other.json").write_text("{")
    with pytest.raises(ConfigError, match=r"other\.json.*models horizons"):
        read_horizons(tmp_path / "other.json")
