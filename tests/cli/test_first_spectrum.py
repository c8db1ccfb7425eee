"""From traces of a source to a spectrum and a coincidence time resolution: two commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from pulsefront.cli import calibration, data, pulses, study
from pulsefront.errors import PulsefrontError
from pulsefront.events import store
from strategies_events import wavedump_bytes
from toys_measured import sodium

app = typer.Typer()
for module in (calibration, data, pulses, study):
    for command in module.__all__:
        app.command()(getattr(module, command))

JITTER_NS, DELAY_NS = 0.12, 1.7
"""Of each channel; of channel 0 behind channel 1."""


def invoke(*words: object):
    result = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(result.exception, PulsefrontError):
        raise result.exception
    assert result.exception is None, result.exception
    return result


def traces(folder: Path, events: int = 4000) -> list[Path]:
    """Write a file per channel: negative pulses of a ²²Na source at 1 ns, numbered 14 and 26."""
    random = np.random.default_rng(5)
    arrival = 60 + random.uniform(0, 1, events)
    paths = []
    for channel, delay in ((14, DELAY_NS), (26, 0.0)):
        onset = arrival + delay + random.normal(0, JITTER_NS, events)
        since = np.arange(260) - onset[:, None]
        pulse = np.where(since > 0, np.exp(-since / 30) - np.exp(-since / 3), 0)
        energy = np.maximum(sodium(random, events), 25)[:, None]
        noisy = 3900 - 2.0 * energy * pulse + random.normal(0, 1.5, pulse.shape)
        path = folder / f"wave{channel}.dat"
        words = np.clip(np.rint(noisy), 0, 4095).astype(np.uint16)
        path.write_bytes(wavedump_bytes(words, channel=channel))
        paths.append(path)
    return paths


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("traces")
    traces(made)
    return made


def test_pickoff_and_calibrate_give_spectrum_and_time_resolution(folder: Path) -> None:
    files = folder / "wave14.dat", folder / "wave26.dat"
    out = folder / "pulses"
    invoke("pickoff", *files, "--out", out, "--table", "h5", "--sample-interval-ns", 1)
    result = invoke("calibrate", out / "events.h5", "--out", folder / "na22.json")
    assert "CTR" in result.stdout
    found = json.loads((folder / "na22.json").read_text())
    (pair,) = found["resolutions"]
    # The same in a few lines: differences of the events whose energies lie in both photopeaks.
    table = store.read(out / "events.h5")
    energy = [
        fitted["offset_kev"] + fitted["gain_kev"] * table["charge_adc_samples"][:, side]
        for side, fitted in enumerate(found["energies"])
    ]
    near = (np.abs(np.array(energy) - 511) < 2 * 0.12 / 2.355 * 511).all(axis=0)
    times = table["constant_fraction_ns"][near & (table.status == 0)]
    low, high = np.percentile(times[:, 0] - times[:, 1], [12.05, 87.95])
    expected_ps = 1000 * (high - low)
    assert expected_ps > 1000 * 2.355 * np.sqrt(2) * JITTER_NS
    assert abs(pair["ctr_fwhm_ps"] - expected_ps) < 4 * pair["ctr_fwhm_error_ps"]
    assert pair["ctr_fwhm_error_ps"] < 0.1 * expected_ps
    assert np.subtract(*found["time_offsets_ns"]) == pytest.approx(DELAY_NS, abs=0.05)
    for fitted in found["energies"]:
        assert fitted["peaks"][0]["resolution_fwhm_percent"] == pytest.approx(12, abs=2)
    assert "doubts" not in found["provenance"]
    page = (folder / "na22.html").read_text()
    for text in ("Spectrum", "Coincidence time resolution", f"{pair['ctr_fwhm_ps']:.4g}"):
        assert text in page
    assert (folder / "na22.png").stat().st_size > 10_000


def test_channels_are_chosen_by_their_numbers(folder: Path) -> None:
    files = folder / "wave14.dat", folder / "wave26.dat"
    invoke("charges", *files, "--out", folder / "both.h5")
    invoke("charges", *files, "--out", folder / "one.h5", "--channels", "26")
    both, one = store.read(folder / "both.h5"), store.read(folder / "one.h5")
    assert both["charge_adc"].shape == (4000, 2)
    np.testing.assert_allclose(one["charge_adc"][:, 0], both["charge_adc"][:, 1], rtol=1e-5)
    with pytest.raises(PulsefrontError, match="no such channel"):
        invoke("charges", *files, "--out", folder / "none.h5", "--channels", "2")
    assert not (folder / "none.h5").exists()
    text = "26, 14"
    invoke("pickoff", *files, "--out", folder / "turned", "--table", "h5", "--channels", text)
    assert store.read(folder / "turned" / "events.h5")["channel"][0].tolist() == [26, 14]


def test_the_gallery_says_what_it_leaves_out(folder: Path, tmp_path: Path) -> None:
    (folder / "notes.txt").write_text("bias 56 V")
    out = tmp_path / "page.html"
    result = invoke("gallery", folder, "--out", out)
    assert "left out: notes.txt: " in result.stdout
    assert result.stderr.count("gallery: ") == 1


def test_a_wrong_peak_is_said_and_written(folder: Path, tmp_path: Path) -> None:
    invoke("charges", folder / "wave14.dat", "--out", tmp_path / "c.h5")
    out = tmp_path / "cal.json"
    result = invoke("calibrate", tmp_path / "c.h5", "--out", out, "--peaks-kev", "341")
    assert "may be another" in result.stderr
    assert "may be another" in json.loads(out.read_text())["provenance"]["doubts"][0]
    assert "Doubtful" in out.with_suffix(".html").read_text()
