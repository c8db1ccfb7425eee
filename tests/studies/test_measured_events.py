"""Inverted and bipolar traces give a study what upright ones do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.events import store
from pulsefront.events.container import EventTable, Quantity
from pulsefront.events.external import ExternalData
from pulsefront.studies.kinds import kind_of
from pulsefront.studies.kinds.timing import data as timing
from pulsefront.studies.load import load_study
from pulsefront.studies.measured_events import load_measured, polarity_rows
from pulsefront.studies.run import run_study
from strategies_events import wavedump_bytes
from studies_small import without_host
from studies_timing import bench, coincidences, selection_of

Waves = NDArray[np.uint16]
TOP = 16_000
"""Of a 14-bit board whose baseline was moved up for pulses that go down."""


@pytest.fixture(scope="module")
def pulses() -> list[Waves]:
    return coincidences(120)


def inverted(waves: Waves, *channels: int) -> Waves:
    changed = waves.copy()
    for channel in channels:
        changed[:, channel] = TOP - waves[:, channel]
    return changed


@pytest.mark.parametrize("channels", [(0, 1), (1,)])
def test_a_study_on_inverted_traces_is_that_on_upright_ones_to_the_bit(
    tmp_path: Path, pulses: list[Waves], channels: tuple[int, ...]
) -> None:
    found = []
    for name, waves in (("up", pulses), ("down", [inverted(w, *channels) for w in pulses])):
        (tmp_path / name).mkdir()
        file = bench(tmp_path / name, waves)
        study, _ = load_study(file)
        chosen = selection_of(file)
        events = chosen.parts.events
        found.append(
            (
                chosen.record.to_json(),
                timing.network_inputs(study, events),
                timing.charges_adc(study, events),
                timing.coarse_ns(study, events),
            )
        )
    up, down = found
    assert up[0] == down[0]
    for one, other in zip(up[1:], down[1:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_whole_run_on_inverted_traces_gives_the_same_results(
    tmp_path: Path, pulses: list[Waves]
) -> None:
    results = {}
    for name, waves in (("up", pulses), ("down", [inverted(w, 0, 1) for w in pulses])):
        (tmp_path / name).mkdir()
        run = run_study(bench(tmp_path / name, waves), tmp_path / name / "run", lambda _: None)
        results[name] = without_host(run)
        page = (run / "report.html").read_text()
        assert f"{'positive' if name == 'up' else 'negative'} (found)" in page
    for part in ("test", "search", "baselines"):
        assert json.dumps(results["up"][part]) == json.dumps(results["down"][part])


def test_the_polarity_can_be_given(tmp_path: Path, pulses: list[Waves]) -> None:
    file = bench(tmp_path, [inverted(w, 1) for w in pulses])
    text = file.read_text()

    def loaded(value: str) -> EventTable:
        file.write_text(text + f"polarity = {value}\n")
        study, _ = load_study(file)
        return kind_of(study).generate(tmp_path, tmp_path)

    given, found = loaded('["positive", "negative"]'), loaded('"auto"')
    np.testing.assert_array_equal(given["waveform_adc"], found["waveform_adc"])
    assert polarity_rows(given) == [("pulses", "positive, negative (given)", "")]
    wrong = loaded('"negative"')
    np.testing.assert_array_equal(wrong["waveform_adc"][:, 0], ~found["waveform_adc"][:, 0])
    with pytest.raises(ConfigError, match="3 polarities for 2"):
        loaded('["positive", "negative", "negative"]')


def bipolar(waves: Waves) -> Waves:
    """Return the pairs clipped by a delay line twice: a lobe up, then one down."""

    def less_late(pulses: NDArray[np.float64], samples: int) -> NDArray[np.float64]:
        late = np.zeros_like(pulses)
        late[:, :, samples:] = pulses[:, :, :-samples]
        return pulses - late

    upright = waves - waves[:, :, :8].mean(axis=2, keepdims=True)
    return np.rint(3000 + less_late(less_late(upright, 10), 14)).astype(np.uint16)


@pytest.mark.parametrize("change", [lambda w: w, lambda w: inverted(w, 0, 1)])
def test_bipolar_pulses_have_the_charge_of_their_first_lobe(
    tmp_path: Path, pulses: list[Waves], change: Callable[[Waves], Waves]
) -> None:
    file = bench(tmp_path, [change(bipolar(w)) for w in pulses])
    study, _ = load_study(file)
    found = selection_of(file)
    assert found.record.label_findings == ()
    charges = timing.charges_adc(study, found.parts.events)
    waves = found.parts.events["waveform_adc"].astype(float)
    upright = waves - waves[:, :, :8].mean(axis=2, keepdims=True)
    # The sum over both lobes is nearly zero; what stands above the baseline about the peak is one.
    assert (charges > 5 * np.abs(upright.sum(axis=2))).mean() > 0.9
    near = np.abs(np.arange(upright.shape[2]) - upright.argmax(axis=2)[:, :, None]) <= 12
    lobe = np.where(near, np.maximum(upright, 0), 0).sum(axis=2)
    assert np.median(charges / lobe) == pytest.approx(1.0, abs=0.02)


SENSORS = 4


def scan(folder: Path, change: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> Path:
    """Write waveforms of four photosensors at nine stage positions, and a manifest."""
    random = np.random.default_rng(3)
    folder.mkdir()
    shape = np.r_[np.zeros(32), np.linspace(0, 1, 5), np.exp(-np.arange(59) / 10.0)]
    lines = ['kind = "position"', "sample_interval_ns = 4.0"]
    for number in range(9):
        names = []
        height = random.uniform(200, 900, (20, SENSORS))
        waves = 1000 + height[:, :, None] * shape + random.normal(0, 2, (20, SENSORS, len(shape)))
        waves = change(np.rint(waves).astype(np.int64)).astype(np.uint16)
        for sensor in range(SENSORS):
            names.append(f"p{number}_wave{sensor}.dat")
            (folder / names[-1]).write_bytes(wavedump_bytes(waves[:, sensor], channel=sensor))
        lines += [
            "[[scan]]",
            f"files = {json.dumps(names)}",
            f"stage_position_mm = [{number % 3}.0, {number // 3}.0]",
            "stage_uncertainty_mm = 0.02",
            'source = "Na-22"',
            "duration_s = 60",
            'detector_id = "block"',
            f'run = "run {number}"',
        ]
    (folder / "scan.toml").write_text("\n".join(lines))
    return folder / "scan.toml"


def test_a_position_study_takes_waveforms_of_either_polarity_alike(tmp_path: Path) -> None:
    """To the last count: the baseline's mean is rounded where its gate is no power of two."""
    up, down = (
        load_measured(ExternalData(path=scan(tmp_path / name, change)), "position", channels=4)
        for name, change in (("up", lambda w: w), ("down", lambda w: TOP - w))
    )
    assert up["charge_adc"].shape == (180, SENSORS)
    assert up["charge_adc"].dtype.kind == "i"
    np.testing.assert_allclose(up["charge_adc"], down["charge_adc"], atol=1)
    assert polarity_rows(up) == [("pulses", "positive (found)", "")]
    assert polarity_rows(down) == [("pulses", "negative (found)", "")]
    assert set(up.columns) == set(down.columns) >= {"stage_position_mm", "grid_index"}


def charge_store(folder: Path, charges: NDArray[np.generic]) -> ExternalData:
    stage = np.repeat(np.arange(3.0), 10)[:, None] * [1.0, 0.0]
    columns = {
        "charge_adc": charges,
        "stage_position_mm": stage,
        "grid_index": stage.astype(np.int16),
    }
    table = EventTable(columns, {name: Quantity("1", name) for name in columns})
    store.write(table, folder / "set.h5")
    return ExternalData(path=folder / "set.h5")


def test_negative_charges_become_positive_whole_counts(tmp_path: Path) -> None:
    charges = np.random.default_rng(1).uniform(50, 900, (30, 4))
    down = charges * [1, -1, -1, 1]
    found = load_measured(charge_store(tmp_path, down.astype(np.float32)), "position")
    np.testing.assert_array_equal(found["charge_adc"], np.rint(charges))
    assert polarity_rows(found)[0][1] == "positive, negative, negative, positive (found)"


def test_charges_that_are_no_counts_are_refused(tmp_path: Path) -> None:
    charges = np.random.default_rng(1).uniform(0.1, 0.9, (30, 4))
    with pytest.raises(DataError, match=r"no counts of a converter.*scale"):
        load_measured(charge_store(tmp_path, charges), "position")
    unsigned = charge_store(tmp_path, np.full((30, 4), 500, np.uint16))
    with pytest.raises(ConfigError, match="without a sign"):
        load_measured(unsigned.model_copy(update={"polarity": "negative"}), "position")
