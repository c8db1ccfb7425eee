"""A growing file is looked at again and again, and each movement is said once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulsefront.errors import DataError
from pulsefront.motion import FindSettings
from pulsefront.motion.live import follow, new_moves
from strategies_motion import drifting


def test_a_movement_is_said_once_and_as_soon_as_it_is_decided(tmp_path: Path) -> None:
    whole = drifting(164, steps=((150, (2.0, 0.0, 0.0)),))
    path = tmp_path / "scan"
    path.write_bytes(b"1" * 140)
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds
        if path.stat().st_size < 164:
            path.write_bytes(b"1" * (path.stat().st_size + 2))

    def read():
        return whole.select(slice(0, path.stat().st_size)), ()

    told: set[float] = set()
    said = []
    for found in follow(
        path, read, FindSettings(), every_s=1.0, quiet_s=5.0, sleep=sleep, now=lambda: clock[0]
    ):
        said += [(move.start_s, found.trace.stop_s) for move in new_moves(found, told)]
    assert len(said) == 1
    start, when = said[0]
    assert start == 150
    assert 150 < when <= 156
    assert clock[0] < 100


def test_a_file_that_never_comes_is_an_error(tmp_path: Path) -> None:
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    with pytest.raises(DataError, match="no such file"):
        list(
            follow(
                tmp_path / "none", lambda: None, FindSettings(), every_s=1.0, quiet_s=3.0,
                sleep=sleep, now=lambda: clock[0],
            )
        )  # fmt: skip
