"""``pulsefront simulate``: a scan from the map's cache, and photons of another simulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from pulsefront.cli.simulation import simulate
from pulsefront.errors import ConfigError, DataError, PulsefrontError
from pulsefront.events import store

app = typer.Typer()
app.command()(simulate)

MAPPING = """
[columns.event]
source = "eventID"
unit = "1"
description = "number of the event"

[columns.time_ns]
source = "time_s"
unit = "ns"
description = "time of detection"
scale = 1e9
"""


def invoke(*words: object):
    result = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(result.exception, PulsefrontError):
        raise result.exception
    assert result.exception is None, result.exception
    return result


def test_mismatches_that_leave_the_optics_alone_share_one_light_map(tmp_path: Path) -> None:
    """Gain, noise, temperature and light yield were thought to have a map of their own each."""
    settings, maps = tmp_path / "scan.toml", tmp_path / "maps"
    settings.write_text(
        "half_extent_mm = 0.0\ntrigger_kev = 250.0\n"
        "[light_map]\npitch_mm = 50.0\ndepth_pitch_mm = 20.0\nphotons = 400\n"
    )
    basic = ("--events", 20, "--settings", settings, "--light-maps", maps)
    for name in ("gain_map", "noise", "temperature_shift", "overvoltage", "pde", "coupling_loss"):
        out = tmp_path / f"{name}.h5"
        result = invoke("lyso_monolithic_50x50x16", "--out", out, *basic, "--perturb", name)
        assert "20 events in" in result.stdout
        assert len(store.read(out)) == 20
    assert len(list(maps.iterdir())) == 1
    invoke("lyso_monolithic_50x50x16", "--out", out, *basic, "--perturb", "misalignment")
    assert len(list(maps.iterdir())) == 2


@pytest.mark.parametrize("table", ["csv", "npz"])
def test_photons_of_another_simulation_become_waveforms(tmp_path: Path, table: str) -> None:
    rng = np.random.default_rng(1)
    event, time_s = np.repeat([0, 3, 4], 500), 1e-9 * rng.exponential(40.0, 1500)
    file, mapping = tmp_path / f"hits.{table}", tmp_path / "hits.toml"
    if table == "csv":
        rows = (f"{n},{t:.15e}" for n, t in zip(event, time_s, strict=True))
        file.write_text("\n".join(["eventID,time_s", *rows]) + "\n")
    else:
        np.savez(file, eventID=event, time_s=time_s)
    mapping.write_text(MAPPING)
    out = tmp_path / "waves.h5"
    invoke("lyso_pair_3x3x20", "--photons", file, "--mapping", mapping, "--out", out)
    found = store.read(out)
    assert found["event_number"].tolist() == [0, 3, 4]
    assert found["photons"].tolist() == [500, 500, 500]
    assert found["waveform_adc"].shape == (3, 144)
    assert (found["waveform_adc"].max(axis=1) > 600).all()
    assert found.provenance["sample_interval_ns"] == 1.0


def test_photons_without_events_of_their_own_are_refused(tmp_path: Path) -> None:
    file, mapping = tmp_path / "hits.npz", tmp_path / "hits.toml"
    np.savez(file, eventID=np.array([0.5, 1.0]), time_s=np.zeros(2))
    mapping.write_text(MAPPING)
    with pytest.raises(DataError, match="whole number"):
        invoke("lyso_pair_3x3x20", "--photons", file, "--mapping", mapping, "--out", tmp_path / "o")


def test_a_simulation_needs_a_number_of_events(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--events"):
        invoke("lyso_pair_3x3x20", "--out", tmp_path / "o.h5")
