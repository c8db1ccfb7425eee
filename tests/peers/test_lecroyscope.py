"""LeCroy traces beside the lecroyscope package: every sample and every trigger time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pulsefront.events.readers.open import open_events
from strategies_events import lecroy_bytes

pytestmark = pytest.mark.peer


def compare(path: Path) -> None:
    lecroyscope = pytest.importorskip("lecroyscope", reason="lecroyscope is not installed")
    theirs = lecroyscope.Trace(path.read_bytes()[path.read_bytes().index(b"WAVEDESC") :])
    ours = open_events(path).read()
    gain, offset = (ours.provenance[k] for k in ("millivolts_per_count", "vertical_offset_mv"))
    volts = (ours["waveform_adc"] * gain - offset) / 1000.0
    np.testing.assert_allclose(volts, np.atleast_2d(theirs.voltage), rtol=1e-12)
    assert ours.provenance["sample_interval_ns"] == theirs.header["horiz_interval"] * 1e9
    if len(ours) > 1:
        pairs = np.array(theirs.trigger_times)
        np.testing.assert_array_equal(ours["trigger_time_s"], pairs[0])
        np.testing.assert_allclose(ours["first_sample_ns"], pairs[1] * 1e9, rtol=1e-15)


@pytest.mark.parametrize("name", ["pulse_sequence.trc", "issue_1.trc"])
def test_measured_traces(shared_data: Callable[[str], Path], name: str) -> None:
    compare(shared_data("lecroy_trc") / name)


def test_made_traces(tmp_path: Path) -> None:
    # Little-endian alone: the package takes the samples of big-endian traces as little-endian.
    words = np.random.default_rng(1).integers(-30000, 30000, (7, 90)).astype(np.int16)
    path = tmp_path / "made.trc"
    path.write_bytes(lecroy_bytes(words))
    compare(path)
