"""A front end fitted to another detector: from files to a new export, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pulsefront.cli.main import app
from pulsefront.errors import ConfigError, DataError
from pulsefront.events import store
from pulsefront.events.container import EventTable, Quantity
from pulsefront.firmware import export_model
from pulsefront.firmware.front_end.position.chain import PositionChain
from pulsefront.firmware.front_end.statement import read_statement
from pulsefront.fixed_point import FixedPointModel
from pulsefront.monitor import WatchedEvents, make_profile
from pulsefront.monitor.profile import Profile
from pulsefront.studies.load import load_study
from pulsefront.studies.recalibrate import chain_of_export, recalibrate
from strategies_spots import spots
from studies_small import POSITION_CHANGES, small
from toys_front_end import block_chain, block_net, small_chain, window_net

GAINS = np.random.default_rng(5).normal(1, 0.06, 64)


def stored(path: Path, charges: np.ndarray, place: np.ndarray | None = None) -> Path:
    columns = {"charge_adc": charges}
    if place is not None:
        depth = np.full((len(place), 1), 8.0)
        columns["first_interaction_mm"] = np.hstack([place, depth])
        columns["depth_mm"] = depth[:, 0]
        columns["stage_position_mm"] = place
    units = {name: Quantity("1", name) for name in columns}
    store.write(EventTable(columns, units), path)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export with a front end, the profile of its network, and events of another detector."""
    folder = tmp_path_factory.mktemp("recalibrate")
    (folder / "study.toml").write_text(small("position_lyso_monolithic", POSITION_CHANGES))
    study = load_study(folder / "study.toml")[0]
    model = block_net(64, bits=12)
    charges, _ = spots(40_000, 1)
    sums = charges.sum(axis=1, dtype=int)
    peak = charges[np.abs(sums - 7800) < 500]
    watched = WatchedEvents(peak.astype(int), {"photopeak": sums.astype(float)}, charges=peak)
    document = study.model_dump(mode="json", exclude_defaults=True)
    told = {**document, "kind": "position", "kept_inputs": list(range(64))}
    make_profile(model, watched, study=told).save(folder / "profile.npz")
    chain = block_chain(adc_bits=12, channels=64, sum_range=(7000, 9000), normalised_sum=None)
    export_model(model, folder / "export", targets=["front_end"], front_end=chain)
    # Two thirds of the light, gains spread by 6 %, an offset in every fourth channel.
    new, place = spots(20_000, 2, gains=GAINS, light=0.67)
    offset = np.where(np.arange(64) % 4 == 1, 6, 0)
    stored(folder / "flood.h5", (new + offset).astype(np.uint16), place)
    dark = np.random.default_rng(6).normal(0.0, 1.0, (500, 64))
    stored(folder / "dark.h5", np.clip(dark + offset + 0.5, 0, None).astype(np.uint16))
    return folder


def test_a_front_end_gives_the_charges_of_the_reference(made: Path) -> None:
    model = FixedPointModel.load(made / "export" / "model.json")
    profile, chain = Profile.load(made / "profile.npz"), chain_of_export(made / "export", None)
    changed, found = recalibrate(model, profile, chain, [made / "flood.h5"], [made / "dark.h5"])
    assert found.offsets_adc == tuple(6 if k % 4 == 1 else 0 for k in range(64))
    wanted = GAINS / np.average(GAINS)
    assert np.std(np.array(found.gains) / np.mean(found.gains) - wanted) < 0.015
    assert found.photopeak_adc / found.reference_photopeak_adc == pytest.approx(0.67, rel=0.02)
    raw = store.read(made / "flood.h5")["charge_adc"]
    corrected = PositionChain(model, changed).corrected(raw)
    before = PositionChain(model, chain).corrected(raw)
    means = profile.reference.charges.mean(axis=0)
    inside = np.abs(corrected.sum(axis=1) - 7800) < 500
    off = [np.std(one[inside].mean(axis=0) / means) for one in (corrected, before)]
    assert off[0] < 0.02
    assert off[1] > 0.04
    # The toy's network has learned nothing; what is told of it is measured on the same events.
    assert found.loss == "median distance from the truth (mm)"
    assert found.gain_percent.low <= found.gain_percent.value <= found.gain_percent.high


def test_the_command_writes_a_new_export_with_these_gains(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "new"
    done = CliRunner().invoke(
        app,
        ["recalibrate", str(made / "export"), str(made / "flood.h5"), "--profile",
         str(made / "profile.npz"), "--dark", str(made / "dark.h5"), "--out", str(out)],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "gains of 64 channels" in done.output
    assert "offsets from 500 events without light: 0 to 6 counts" in done.output
    written = read_statement(out / "front_end").settings
    origin = json.loads((out / "provenance.json").read_text())["recalibration"]
    assert written.gains == tuple(origin["corrections"])
    assert written.offsets_adc == tuple(origin["offsets_adc"])
    same = [FixedPointModel.load(one / "model.json").to_json() for one in (out, made / "export")]
    assert same[0] == same[1]


def test_a_profile_of_another_model_is_refused(made: Path) -> None:
    profile, chain = Profile.load(made / "profile.npz"), chain_of_export(made / "export", None)
    other = block_net(64, bits=11, name="other")
    with pytest.raises(DataError, match=r"the profile is of another network \(block\)"):
        recalibrate(other, profile, chain, [made / "flood.h5"])
    blind = replace(profile, reference=replace(profile.reference, charges=None))
    with pytest.raises(DataError, match="the profile holds no charges"):
        recalibrate(profile.model, blind, chain, [made / "flood.h5"])


def test_other_channels_and_too_few_events_are_refused(made: Path, tmp_path: Path) -> None:
    profile, chain = Profile.load(made / "profile.npz"), chain_of_export(made / "export", None)
    charges, _ = spots(3000, 7)
    narrow = stored(tmp_path / "narrow.h5", charges[:, :60])
    with pytest.raises(DataError, match="holds 60 channels, the front end takes 64"):
        recalibrate(profile.model, profile, chain, [narrow])
    few = stored(tmp_path / "few.h5", charges)
    with pytest.raises(DataError, match="photopeak events are too few for 64 gains"):
        recalibrate(profile.model, profile, chain, [few])
    wide = stored(tmp_path / "wide.h5", (charges + 4000).astype(np.uint16))
    with pytest.raises(DataError, match="outside the 12 bits"):
        recalibrate(profile.model, profile, chain, [wide])
    dark = stored(tmp_path / "dark.h5", charges[:50])
    with pytest.raises(DataError, match="50 events without light are too few"):
        recalibrate(profile.model, profile, chain, [made / "flood.h5"], [dark])
    lit = stored(tmp_path / "lit.h5", charges)
    with pytest.raises(DataError, match=r"dark: \d\d % of the events without light have a channel"):
        recalibrate(profile.model, profile, chain, [made / "flood.h5"], [lit])


def test_light_that_no_single_channel_shows_is_refused(made: Path, tmp_path: Path) -> None:
    """Spread over all channels, no event had one far above its median: offsets took the light."""
    profile, chain = Profile.load(made / "profile.npz"), chain_of_export(made / "export", None)
    light = np.random.default_rng(3).uniform(0, 1500, (500, 1)) / 64
    dim = stored(tmp_path / "dim.h5", np.random.default_rng(4).poisson(light, (500, 64)))
    with pytest.raises(DataError, match=r"sums of the events without light spread by \d+ % of"):
        recalibrate(profile.model, profile, chain, [made / "flood.h5"], [dim])


def test_an_export_without_a_position_chain_is_refused(made: Path, tmp_path: Path) -> None:
    export_model(window_net(7), tmp_path / "plain", targets=["c99"])
    with pytest.raises(ConfigError, match="has no front end"):
        chain_of_export(tmp_path / "plain", None)
    with pytest.raises(ConfigError, match="a timing chain has none"):
        chain_of_export(tmp_path / "plain", small_chain())
