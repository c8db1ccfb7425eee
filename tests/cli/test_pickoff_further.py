"""Filters, templates, corrections of ring samplers and charges, from the command to the number."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from pulsefront.cli.data import ingest, inspect
from pulsefront.cli.pulses import charges, pickoff
from pulsefront.errors import ConfigError, DataError, PulsefrontError
from pulsefront.events import store
from pulsefront.events.external import ExternalData, load_external
from pulsefront.events.readers.digitizers.drs4 import sample_times_ns
from strategies_events import drs4_bytes, pulses, wavedump_bytes

app = typer.Typer()
for command in (ingest, inspect, pickoff, charges):
    app.command()(command)

EVENTS, SAMPLES, HEIGHT = 600, 240, 1500.0


def invoke(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(result.exception, PulsefrontError):
        raise result.exception
    assert result.exception is None, result.exception
    return result.stdout


def start_of(seed: int) -> np.ndarray:
    """Return when the pulses of `strategies_events.pulses` start, in samples."""
    return 40 + np.random.default_rng(seed).uniform(0, 1, (EVENTS, 1))[:, 0]


def pair(folder: Path) -> list[Path]:
    paths = []
    for channel in (0, 1):
        waves = pulses(EVENTS, SAMPLES, seed=channel + 1, height=HEIGHT, noise=6.0)
        path = folder / f"wave{channel}.dat"
        path.write_bytes(wavedump_bytes(waves.astype(np.uint16), channel=channel))
        paths.append(path)
    return paths


def measured(folder: Path, *words: object) -> tuple[pd.DataFrame, dict]:
    invoke("pickoff", *words, "--out", folder)
    summary = json.loads((folder / "summary.json").read_text())
    return pd.read_csv(folder / "events.csv"), summary


def test_a_template_times_better_than_a_discriminator(tmp_path: Path) -> None:
    files = pair(tmp_path)
    frame, summary = measured(
        tmp_path / "out", *files, "--also", "template", "--sample-interval-ns", 2
    )
    true_ns = 2.0 * (start_of(1) - start_of(2))
    spread = {}
    for name in ("constant_fraction", "leading_edge", "template"):
        error = frame[f"{name}_ns_0"] - frame[f"{name}_ns_1"] - true_ns
        spread[name] = error.std()
        assert abs(error.mean()) < 0.02
    assert spread["template"] < 0.8 * min(spread["constant_fraction"], spread["leading_edge"])
    # A pulse of height h peaks at h times the largest value of its shape.
    time = np.linspace(0, 40, 4001)
    peak = HEIGHT * np.max(np.exp(-time / 20) - np.exp(-time / 3))
    np.testing.assert_allclose(frame["template_amplitude_adc_0"].mean(), peak, rtol=0.01)
    np.testing.assert_allclose(frame["template_residual_adc_0"].mean(), 6.0, rtol=0.05)
    told = summary["time_difference_channel_0_minus_1"]["template"]
    assert told["events"] == EVENTS
    assert told["central_68_percent_half_width_ns"] == pytest.approx(
        np.diff(np.percentile(frame["template_ns_0"] - frame["template_ns_1"], [15.865, 84.135]))[0]
        / 2,
        rel=1e-6,
    )
    assert summary["settings"]["template"]["before_samples"] >= 2
    assert "optimal_filter" not in summary["settings"]
    dictionary = json.loads((tmp_path / "out" / "data_dictionary.json").read_text())
    assert dictionary["template_ns"]["unit"] == "ns"


def test_the_optimal_filter_weighs_the_noise(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    # A slow wander of 40 counts rms beside white noise of 3: the largest sample sees all of it.
    power = 9.0 + 3e5 / (1 + np.arange(SAMPLES // 2 + 1.0) ** 2)
    white = np.fft.rfft(random.normal(0, 1, (EVENTS, SAMPLES)), axis=1)
    wander = np.fft.irfft(white * np.sqrt(power), SAMPLES, axis=1)
    waves = pulses(EVENTS, SAMPLES, seed=1, start=100, height=HEIGHT, noise=0.1) + 200 + wander
    path = tmp_path / "wave0.dat"
    path.write_bytes(wavedump_bytes(waves.astype(np.uint16)))
    frame, summary = measured(
        tmp_path / "out", path, "--also", "optimal-filter", "--also", "template",
        "--baseline-samples", 90, "--threshold-adc", 200,
    )  # fmt: skip
    good = frame["status"] == 0
    assert good.mean() > 0.8
    plain, best = frame["amplitude_adc"][good], frame["optimal_filter_amplitude_adc"][good]
    assert best.std() / best.mean() < 0.7 * plain.std() / plain.mean()
    start = (start_of(1) + 60)[good]
    assert (frame["optimal_filter_samples"][good] - start).std() < 0.3
    assert 0.5 < frame["optimal_filter_chi_square"][good].median() < 2.0
    assert summary["settings"]["optimal_filter"]["most_shift_samples"] >= 2


def test_a_trapezoid_reads_the_charge_of_an_exponential_and_little_of_the_noise(
    tmp_path: Path,
) -> None:
    (path, _) = pair(tmp_path)
    frame, summary = measured(tmp_path / "out", path, "--also", "trapezoid")
    found = summary["settings"]["trapezoid"]
    assert found["decay_samples"] == pytest.approx(20, rel=0.05)
    # Pole-zero and running sum leave (1 − e^(−1/τ)) times the sum of the pulse.
    shape = np.exp(-np.arange(2000) / 20) - np.exp(-np.arange(2000) / 3)
    step = HEIGHT * (1 - np.exp(-1 / found["decay_samples"])) * shape.sum()
    heights = frame["trapezoid_amplitude_adc"]
    assert heights.mean() == pytest.approx(step, rel=0.03)
    assert (
        heights.std() / heights.mean()
        < frame["amplitude_adc"].std() / frame["amplitude_adc"].mean()
    )
    # As a file of settings says it.
    (tmp_path / "own.toml").write_text(
        "[trapezoid]\ndecay_samples = 20.0\nrise_samples = 30\nflat_samples = 10\n"
    )
    frame, summary = measured(tmp_path / "own", path, "--settings", tmp_path / "own.toml")
    assert summary["settings"]["trapezoid"] == {
        "decay_samples": 20.0,
        "rise_samples": 30,
        "flat_samples": 10,
    }
    (tmp_path / "own.toml").write_text("[trapezoid]\nrise_samples = 300\n")
    with pytest.raises(ConfigError, match=r"trapezoid\.rise_samples: does not fit"):
        measured(tmp_path / "no", path, "--settings", tmp_path / "own.toml")
    assert not (tmp_path / "no").exists()


def test_rise_time_and_time_over_threshold(tmp_path: Path) -> None:
    (path, _) = pair(tmp_path)
    frame, _ = measured(
        tmp_path / "out", path, "--also", "shape", "--threshold-adc", 300, "--baseline-samples", 30
    )
    time = np.linspace(0, 100, 100_001)
    shape = HEIGHT * (np.exp(-time / 20) - np.exp(-time / 3))
    top = int(shape.argmax())

    def crossing(level: float) -> float:
        return time[np.argmax(shape >= level)]

    rise = crossing(0.9 * shape[top]) - crossing(0.1 * shape[top])
    assert frame["rise_time_samples"].median() == pytest.approx(rise, rel=0.05)
    over = time[top + np.argmax(shape[top:] < 300)] - crossing(300)
    assert frame["time_over_threshold_samples"].median() == pytest.approx(over, rel=0.02)


def ring(folder: Path) -> tuple[Path, np.ndarray]:
    """Write a DRS4 file of two channels with cell offsets and uneven cells; return it and t0 − t1.

    A voltage of one count is a count; the pulses have no noise but that of the cells.
    """
    random = np.random.default_rng(4)
    events = 80
    cells = random.integers(0, 1024, events)
    widths = random.uniform(0.5, 1.5, (2, 1024))
    pattern = random.normal(0, 30, (2, 1024))
    arrival = 300 + random.uniform(0, 5, (events, 1)) + np.array([0.0, 0.4])
    times = sample_times_ns(widths.astype(np.float32).astype(np.float64), cells)
    since = np.maximum(times - arrival[:, :, None], 0)
    waves = 30_000 + 8000 * (np.exp(-since / 40) - np.exp(-since / 6))
    index = (cells[:, None] + np.arange(1024)) % 1024
    waves += pattern[:, index].transpose(1, 0, 2)
    path = folder / "drs.dat"
    path.write_bytes(
        drs4_bytes(events, boards=(2,), widths=widths, cells=cells.tolist(), waveforms=waves)
    )
    return path, arrival[:, 0] - arrival[:, 1]


def test_cells_and_times_of_a_ring_sampler_are_put_right(tmp_path: Path) -> None:
    path, true_ns = ring(tmp_path)
    options = ("--threshold-adc", 1000, "--baseline-samples", 150, "--delay-samples", 10)
    error, noise = {}, {}
    for name, extra in {
        "plain": (),
        "neighbours": ("--cells", "neighbours"),
        "level": ("--cells", "level"),
        "even": ("--even-grid",),
        "both": ("--cells", "level", "--even-grid"),
    }.items():
        frame, summary = measured(tmp_path / name, path, *options, *extra)
        assert (frame["status"] == 0).mean() > 0.9
        times = frame["constant_fraction_ns_0"] - frame["constant_fraction_ns_1"]
        error[name] = (times - true_ns).std()
        noise[name] = frame["noise_adc_0"].median()
    assert noise["plain"] > 25
    # A cubic through nine samples follows 0.42 of white variance: that much is left.
    assert noise["neighbours"] < 30 * 0.42**0.5
    assert noise["level"] < 2
    # A delay in samples is none in ns on an uneven axis.
    assert error["even"] < 0.1 * error["plain"]
    assert error["both"] < 0.9 * error["even"]
    assert summary["settings"]["even_grid"] is True
    assert "sample_time_ns" not in json.loads(
        (tmp_path / "both" / "data_dictionary.json").read_text()
    )


def test_cells_of_the_measured_drs4_file(
    tmp_path: Path, shared_data: Callable[[str], Path]
) -> None:
    path = shared_data("drs4_pydrs4") / "test.dat"
    options = ("--polarity", "negative", "--baseline-samples", 200)
    noise = [
        measured(tmp_path / str(number), path, *options, *extra)[0]["noise_adc_0"].median()
        for number, extra in enumerate(((), ("--cells", "neighbours")))
    ]
    assert noise[1] < noise[0]


def test_what_has_no_cells_or_times_says_so(tmp_path: Path) -> None:
    (path, _) = pair(tmp_path)
    with pytest.raises(ConfigError, match=r"cells: the file does not say"):
        measured(tmp_path / "a", path, "--cells", "level")
    with pytest.raises(ConfigError, match=r"even_grid: .*no time axis"):
        measured(tmp_path / "b", path, "--even-grid")
    short = tmp_path / "few.dat"
    short.write_bytes(wavedump_bytes(pulses(5).astype(np.uint16)))
    with pytest.raises(DataError, match="only 5 of the first 5 pulses"):
        measured(tmp_path / "c", short, "--also", "template")
    assert {entry.name for entry in tmp_path.iterdir()} == {"wave0.dat", "wave1.dat", "few.dat"}


def test_charges_of_a_scan_with_digitizers_are_a_position_set(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    light = random.uniform(0, 1, 9)
    light[4] = 0.0  # a photosensor in the dark flags no event
    lines = ['kind = "position"', 'mapping = "waves.toml"']
    for x in range(3):
        for y in range(3):
            waves = pulses(6, seed=3 * x + y, height=1.0, noise=0.0) - 100
            waves = 500 + 900 * light[:, None] * waves[:, None] + random.normal(0, 1, (6, 9, 120))
            np.save(tmp_path / f"x{x}y{y}.npy", waves.astype(np.uint16))
            lines += [
                "[[scan]]", f'files = ["x{x}y{y}.npy"]', f"stage_position_mm = [{x}.0, {y}.0]",
                "stage_uncertainty_mm = 0.1", 'source = "Na-22"', "duration_s = 1",
                'detector_id = "block"', f'run = "{x}"',
            ]  # fmt: skip
    (tmp_path / "scans.toml").write_text("\n".join(lines))
    (tmp_path / "waves.toml").write_text(
        '[columns.waveform_adc]\nsource = "array"\nunit = "ADC counts"\ndescription = "samples"\n'
    )
    told = invoke(
        "pickoff", tmp_path / "scans.toml", "--charges", "--table", "h5", "--polarity", "positive",
        "--baseline-samples", 30, "--out", tmp_path / "out",
    )  # fmt: skip
    assert "54 events, 9 channel(s); 54 without flags" in told
    assert {entry.name for entry in (tmp_path / "out").iterdir()} == {
        "events.h5", "data_dictionary.json", "summary.json",
    }  # fmt: skip
    table = load_external(ExternalData(path=tmp_path / "out" / "events.h5"), "position", channels=9)
    assert table["charge_adc"].dtype == np.float32
    assert table["stage_position_mm"][-1].tolist() == [2.0, 2.0]
    mean = table["charge_adc"].mean(axis=0)
    np.testing.assert_allclose(mean / mean.max(), light / light.max(), atol=0.02)
    assert "waveform_adc" not in store.read(tmp_path / "out" / "events.h5").columns
