"""Profiles: written and read whole, of networks that can be watched."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.fixed_point import Concatenate, FixedPointFormat, FixedPointModel, Input
from pulsefront.monitor import Profile, make_profile
from strategies_monitor import anger, batch, folded_batch, profile


def test_what_is_written_is_read(tmp_path):
    known = replace(profile(2000), study={"kind": "position"}, output_unit="mm")
    known.save(tmp_path / "p.npz")
    read = Profile.load(tmp_path / "p.npz")
    assert np.array_equal(read.reference.inputs, known.reference.inputs)
    assert read.reference.counts == known.reference.counts
    assert read.sha256 == known.sha256
    assert (read.input_names, read.output_unit, read.study) == (
        known.input_names,
        "mm",
        {"kind": "position"},
    )
    sums = known.reference.spectra["photopeak"]
    assert read.reference.spectra["photopeak"] == pytest.approx(sums, rel=1e-6)


def test_charges_are_kept_with_the_names_of_their_channels(tmp_path):
    names = tuple(f"sensor_{k}" for k in range(16))
    known = make_profile(anger(), folded_batch(2000), channel_names=names)
    known.save(tmp_path / "p.npz")
    read = Profile.load(tmp_path / "p.npz")
    assert read.channel_names == names
    assert np.array_equal(read.reference.charges, known.reference.charges)
    assert read.still == ()
    with pytest.raises(DataError, match="15 names for 16 channels"):
        make_profile(anger(), folded_batch(2000), channel_names=names[:15])


def test_another_sample_is_another_profile():
    assert profile(2000, seed=1).sha256 != profile(2000, seed=2).sha256


def test_names_are_given_where_none_are():
    known = make_profile(anger(), batch())
    assert known.input_names[15] == "input 15"
    assert known.output_names == ("position 0", "position 1")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", b"{}"])
def test_a_file_that_is_none_is_named(tmp_path, content):
    file = tmp_path / "p.npz"
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"p\.npz: is no whole monitor profile"):
        Profile.load(file)
    with pytest.raises(DataError, match="no such file"):
        Profile.load(tmp_path / "none.npz")


def test_a_newer_version_is_refused(tmp_path):
    file = tmp_path / "p.npz"
    about = {"format": "pulsefront monitor profile", "schema_version": 2, "spectra": []}
    encoded = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez(file, about=encoded, inputs=np.zeros((2, 2)))
    with pytest.raises(DataError, match="newer version"):
        Profile.load(file)


def test_a_truncated_file_is_no_profile(tmp_path):
    file = tmp_path / "p.npz"
    profile(2000).save(file)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DataError, match="is no whole monitor profile"):
        Profile.load(file)


def test_networks_of_several_inputs_are_refused():
    form = FixedPointFormat(8, 8)
    model = FixedPointModel(
        name="two",
        inputs=(Input("a", (8,), form), Input("b", (8,), form)),
        layers=(Concatenate("c", ("a", "b")),),
        outputs=("c",),
    )
    with pytest.raises(DataError, match="one input vector"):
        make_profile(model, batch())


def test_names_of_another_number_are_refused():
    with pytest.raises(DataError, match="3 names for 2 outputs"):
        make_profile(anger(), batch(), output_names=("x", "y", "z"))
