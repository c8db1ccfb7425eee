"""Known gains, offsets and window are planted in hits and events, and found again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.events.container import EventTable, Status
from pulsefront.events.readers.base import EventFile
from pulsefront.measured.calibration.apply import open_calibrated
from pulsefront.measured.calibration.figure import calibration_figure
from pulsefront.measured.calibration.fit import calibrate, charges_by_channel, collect
from pulsefront.measured.calibration.record import load_calibration
from toys_measured import GAINS, OFFSETS_NS, file_of, hits, made, sodium, walking


def test_gains_and_offsets_of_hits_are_found_and_taken_out() -> None:
    table = hits()
    found, events = calibrate(file_of(table), (511.0, 1274.5))
    assert found.layout == "hits"
    assert found.channels == (0, 1, 2, 3)
    gains = np.array([fitted.gain_kev for fitted in found.energies])
    np.testing.assert_allclose(gains, GAINS, rtol=0.02)
    # The offsets add up to zero; 100 ps of jitter in thousands of pairs.
    np.testing.assert_allclose(found.time_offsets_ns, OFFSETS_NS - OFFSETS_NS.mean(), atol=0.01)
    assert len(calibration_figure(found, events).axes) == 6

    used = open_calibrated(file_of(table), found).read()
    inside = used["in_photopeak"].all(axis=1)
    assert (used.status[~inside] == Status.OUTSIDE_WINDOW).all()
    assert (used.status[inside] == 0).all()
    np.testing.assert_allclose(np.median(used["energy_kev"][inside]), 511, atol=4)
    assert used["time_ps"].dtype == np.int64
    difference = used["time_difference_ps"]
    np.testing.assert_array_equal(difference, used["time_ps"][:, 0] - used["time_ps"][:, 1])
    assert difference.std() == pytest.approx(100 * np.sqrt(2), rel=0.02)
    assert table["time_difference_ps"].std() > 300


def test_a_calibration_survives_its_file(tmp_path: Path) -> None:
    table = hits(20_000)
    found, _ = calibrate(file_of(table), (511.0, 1274.5))
    path = tmp_path / "cal.json"
    path.write_text(json.dumps(found.to_json()))
    again = load_calibration(path)
    assert again.to_json() == found.to_json()
    for name in ("energy_kev", "in_photopeak", "time_ps"):
        left = open_calibrated(file_of(table), found).read()[name]
        np.testing.assert_array_equal(left, open_calibrated(file_of(table), again).read()[name])


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "other"}'])
def test_another_file_is_no_calibration(tmp_path: Path, content: str) -> None:
    path = tmp_path / "cal.json"
    path.write_text(content)
    with pytest.raises(DataError, match="is no calibration"):
        load_calibration(path)
    with pytest.raises(DataError, match="no such file"):
        load_calibration(tmp_path / "none.json")


EARLIER = {
    "format": "pulsefront-calibration",
    "layout": "each",
    "charge_column": "charge_adc",
    "time_column": "leading_edge_ns",
    "channels": [0, 1],
    "energies": [
        {
            "gain_kev": gain,
            "offset_kev": -3.0,
            "peaks": [
                {
                    "energy_kev": 511.0,
                    "centre_charge": 514.0 / gain,
                    "centre_error_charge": 0.3,
                    "sigma_charge": 12.0,
                    "sigma_error_charge": 0.3,
                    "resolution_fwhm_percent": 100 * 2.3548 * 12.0 / (514.0 / gain),
                    "counts": 5000.0,
                    "background_per_bin": [4.0, -0.01],
                    "chi_square_per_degree": 1.1,
                    "fitted_from_charge": 200.0,
                    "fitted_to_charge": 300.0,
                    "bin_width_charge": 1.5,
                }
            ],
        }
        for gain in (2.0, 1.5)
    ],
    "gains": [],
    "time_offsets_ns": [0.25, None],
    "photopeak_window_sigmas": 2.0,
    "provenance": {
        "file": "run.h5",
        "events": 20000,
        "channels_with_too_few_events": {"7": 12},
        "peaks_kev": [511.0],
        "pairs_of_channels_in_time": 1,
    },
}


def test_a_calibration_file_of_the_first_version_is_read_and_used(tmp_path: Path) -> None:
    (tmp_path / "cal.json").write_text(json.dumps(EARLIER))
    found = load_calibration(tmp_path / "cal.json")
    assert found.provenance.channels_with_too_few_events == {7: 12}
    table = made(charge_adc=np.full((2, 2), 257.0), leading_edge_ns=np.full((2, 2), 40.0))
    used = open_calibrated(file_of(table), found).read()
    np.testing.assert_allclose(used["energy_kev"], [[511.0, 382.5]] * 2)
    # Without an offset that is known, nothing is taken off.
    np.testing.assert_allclose(used["leading_edge_ns"], [[39.75, 40.0]] * 2)
    told = found.to_json()
    assert set(told) == set(EARLIER)
    percent = told["energies"][0]["peaks"][0].pop("resolution_fwhm_percent")
    assert percent == pytest.approx(100 * 2.3548 * 12.0 / 257.0, rel=1e-4)
    assert told["provenance"] == EARLIER["provenance"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("channels", [0]), ("layout", "all"), ("time_offsets_ns", [0.1]), ("walk", [])],
)
def test_a_calibration_that_does_not_fit_together_names_what(
    tmp_path: Path, key: str, value: object
) -> None:
    (tmp_path / "cal.json").write_text(json.dumps({**EARLIER, key: value}))
    with pytest.raises(DataError, match="is no calibration"):
        load_calibration(tmp_path / "cal.json")


def test_walk_is_fitted_to_pairs_and_taken_out() -> None:
    table = walking()
    plain, _ = calibrate(file_of(table), (511.0,))
    found, events = calibrate(file_of(table), (511.0,), walk=True)
    assert plain.walks is None
    assert found.walk_column == "amplitude_adc"
    before = table["leading_edge_ns"] @ [1.0, -1.0]
    left = open_calibrated(file_of(table), plain).read()["leading_edge_ns"] @ [1.0, -1.0]
    after = open_calibrated(file_of(table), found).read()["leading_edge_ns"] @ [1.0, -1.0]
    assert np.std(before) > 0.2
    assert np.std(left) == pytest.approx(np.std(before))
    low = [walk.amplitude_low for walk in found.walks]
    fitted = (table["amplitude_adc"] > low).all(axis=1)  # held beyond
    assert fitted.mean() > 0.98
    assert np.std(after[fitted]) == pytest.approx(0.05 * np.sqrt(2), rel=0.03)
    assert np.median(after) == pytest.approx(0.0, abs=0.01)
    assert len(calibration_figure(found, events).axes) == 6
    with pytest.raises(DataError, match=r"amplitude_adc: lacks"):
        open_calibrated(file_of(table.without("amplitude_adc")), found)
    alone = made(charge_adc=table["charge_adc"])
    with pytest.raises(DataError, match="no pairs of times to fit a walk to"):
        calibrate(file_of(alone), (511.0,), walk=True)


def test_walk_of_pairs_of_hits_is_a_function_of_their_charge_where_there_are_no_heights() -> None:
    table = hits()
    late_ps = np.rint(1000 * 2.0 * np.sqrt(200.0 / np.maximum(table["energy"], 5.0))).astype(int)
    columns = dict(table.columns)
    columns["time_ps"] = (table["time_ps"].astype(np.int64) + late_ps).astype(np.uint64)
    columns["time_difference_ps"] = table["time_difference_ps"] + late_ps[:, 0] - late_ps[:, 1]
    found, _ = calibrate(file_of(made(**columns)), (511.0, 1274.5), walk=True)
    assert found.walk_column == "energy"
    used = open_calibrated(file_of(made(**columns)), found).read()
    low = np.array([walk.amplitude_low for walk in found.walks])
    fitted = (table["energy"] > low[table["channel"]]).all(axis=1)
    assert np.std(columns["time_difference_ps"][fitted]) > 800
    assert used["time_difference_ps"][fitted].std() == pytest.approx(100 * np.sqrt(2), rel=0.05)
    assert used["time_difference_ps"].dtype == np.int64


def test_the_sum_of_photosensors_gets_one_scale() -> None:
    random = np.random.default_rng(1)
    energy = sodium(random, 90_000)
    share = random.dirichlet(np.full(16, 5.0), len(energy))
    gains = random.uniform(0.8, 1.25, 16)
    charge = 4.0 * energy[:, None] * share / gains
    table = made(charge_adc=charge.astype(np.float32))
    found, events = calibrate(file_of(table), (511.0, 1274.5))
    assert found.layout == "sum"
    np.testing.assert_allclose(
        np.array(found.gains) / np.mean(found.gains), gains / gains.mean(), rtol=0.05
    )
    used = open_calibrated(file_of(table), found).read()
    assert used["energy_kev"].shape == (90_000,)
    np.testing.assert_allclose(np.median(used["energy_kev"] / energy), 1.0, rtol=0.02)
    # Equal gains narrow the peak of the sum.
    equal = calibrate(file_of(made(charge_adc=used["charge_adc"])), (511.0, 1274.5))[0]
    raw = made(charge_adc=charge.sum(axis=1))
    one = calibrate(file_of(raw), (511.0, 1274.5))[0]
    assert one.layout == "each"
    widths = [found.energies[0].peaks[0].resolution_fwhm_percent for found in (equal, one)]
    assert widths[0] < widths[1]
    assert len(calibration_figure(found, events).axes) == 3


def test_channels_of_joined_events_get_offsets_from_their_times() -> None:
    random = np.random.default_rng(2)
    events = 20_000
    charge = np.stack([sodium(random, events) / gain for gain in (2.0, 1.5)], axis=1)
    known = random.choice([-0.2, 0.0, 0.2], events)
    times = random.normal(50, 5, (events, 1)) + random.normal(0, 0.1, (events, 2))
    times += np.array([0.4, -0.2]) + known[:, None] * [0.5, -0.5]
    times[::50] = np.nan
    status = np.zeros(events, np.uint16)
    status[:100] = Status.PILE_UP
    table = made(
        charge_adc_samples=charge,
        leading_edge_ns=times,
        known_difference_ns=known,
        channel=np.tile([9, 14], (events, 1)),
    )
    table = EventTable(table.columns, table.quantities, status)
    found, used = calibrate(file_of(table), (511.0,))
    assert found.layout == "each"
    assert len(used) == events - 100
    np.testing.assert_allclose(found.time_offsets_ns, [0.3, -0.3], atol=0.01)
    after = open_calibrated(file_of(table), found).read()
    residual = after["leading_edge_ns"] @ [1, -1] - known
    assert abs(np.nanmedian(residual)) < 0.01
    assert (after.status[:100] & Status.PILE_UP).all()


def test_pairs_of_hits_without_channels_get_the_offset_of_their_sides() -> None:
    table = hits().select(slice(20_000))
    first = (table["channel"] == [0, 2]).all(axis=1)
    pairs = table.select(first).without("channel")
    found, _ = calibrate(file_of(pairs), (511.0, 1274.5))
    assert found.layout == "each"
    assert found.channels == (0, 1)
    difference = found.time_offsets_ns[0] - found.time_offsets_ns[1]
    assert difference == pytest.approx(OFFSETS_NS[0] - OFFSETS_NS[2], abs=0.02)
    assert found.resolutions[0].channels == (0, 1)
    used = open_calibrated(file_of(pairs), found).read()
    times = used["time_ps"].astype(np.int64)
    np.testing.assert_allclose(times[:, 0] - times[:, 1], used["time_difference_ps"], atol=1)
    assert np.median(used["time_difference_ps"]) == pytest.approx(0.0, abs=20)


def test_what_cannot_be_calibrated_says_why() -> None:
    with pytest.raises(DataError, match="holds no charges"):
        calibrate(file_of(made(x=np.zeros(10))))
    with pytest.raises(DataError, match=r"pickoff --table h5"):
        calibrate(file_of(made(waveform_adc=np.zeros((10, 20)))))
    with pytest.raises(DataError, match="too few events"):
        calibrate(file_of(made(charge_adc=np.ones(10))))
    with pytest.raises(DataError, match=r"channel 0.*no peak"):
        calibrate(file_of(made(charge_adc=np.zeros(1000))))
    found, _ = calibrate(file_of(hits(20_000)))
    with pytest.raises(DataError, match="lacks the charges"):
        open_calibrated(file_of(made(charge_adc=np.ones(10))), found)
    once = open_calibrated(file_of(hits(20_000)), found)
    with pytest.raises(DataError, match="calibrated already"):
        open_calibrated(once, found)


def test_a_channel_that_was_not_calibrated_has_no_energy() -> None:
    found, _ = calibrate(file_of(hits(20_000)))
    strange = made(energy=np.full(3, 255.0), channel=np.array([0, 7, 0]))
    used = open_calibrated(file_of(strange), found).read()
    assert np.isnan(used["energy_kev"][1])
    assert used.status[1] == Status.OUTSIDE_WINDOW


def test_memory_is_bounded_by_dropping_every_second_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulsefront.measured.calibration.fit.MOST_EVENTS", 100)
    table = made(charge_adc=np.arange(1000.0))
    source = file_of(table)
    small = EventFile(**{**vars(source), "event_bytes": 1 << 20})
    kept = collect(small, ["charge_adc"])["charge_adc"]
    np.testing.assert_array_equal(kept, np.arange(0, 1000, 16))


def test_charges_are_sorted_by_channel() -> None:
    table = made(energy=np.array([1.0, 2.0, 3.0]), channel=np.array([5, 2, 5]))
    got = charges_by_channel(table, "energy", "hits", ())
    assert {number: values.tolist() for number, values in got.items()} == {5: [1, 3], 2: [2]}
