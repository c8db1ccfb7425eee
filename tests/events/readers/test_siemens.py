"""Siemens list mode of 32-bit words: addresses mean the lines that the sinogram means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import PulsefrontError, UnsupportedFormat
from pulsefront.events.container import Status
from pulsefront.events.readers.base import DataWarning, ReadOptions
from pulsefront.events.readers.open import open_events, recognise
from pulsefront.events.readers.siemens.header import DEPTH_MM, read_header
from pulsefront.events.readers.siemens.reader import crystals_of
from pulsefront.motion import open_trace
from strategies_siemens import (
    BINS,
    CRYSTALS,
    MOST,
    RADIUS_MM,
    RING_MM,
    RINGS,
    addresses,
    event,
    header,
    tick,
    write,
)


def test_every_bin_is_the_line_of_its_sinogram(tmp_path: Path) -> None:
    """Distance from the axis, direction, middle and slope along z, of all bins there are."""
    read = read_header(write(tmp_path, [tick(0)]).with_name("scan.l.hdr"))
    rows = np.array(list(addresses()))
    assert len(rows) == read.addresses
    first, second = read.place_mm[crystals_of(rows[:, 0], read)].transpose(1, 0, 2)
    along = second - first
    radius = RADIUS_MM + DEPTH_MM
    signed = (first[:, 0] * along[:, 1] - first[:, 1] * along[:, 0]) / np.hypot(*along[:, :2].T)
    expected = radius * np.sin(rows[:, 1] * np.pi / CRYSTALS)
    np.testing.assert_allclose(np.abs(signed), np.abs(expected), atol=1e-9)
    # All bins of a view run one way but for half a crystal; views turn by a crystal.
    turn = np.arctan2(along[:, 1], along[:, 0]) - 2 * np.pi * rows[:, 2] / CRYSTALS
    turn -= np.median(turn)
    off = np.abs((turn + np.pi) % (2 * np.pi) - np.pi)
    assert off.max() <= np.pi / CRYSTALS + 1e-9
    # One side of the axis has one sign of the bin, in all views.
    side = np.sign(signed) * np.sign(rows[:, 1])
    assert len(np.unique(side[rows[:, 1] != 0])) == 1
    middle = (first[:, 2] + second[:, 2]) / 2
    where = (rows[:, 3] - (RINGS - np.abs(rows[:, 4]) - 1) / 2) * RING_MM
    np.testing.assert_allclose(middle, where, atol=1e-9)
    np.testing.assert_allclose(along[:, 2], rows[:, 4] * RING_MM, atol=1e-9)


def test_no_two_bins_are_the_same_pair(tmp_path: Path) -> None:
    read = read_header(write(tmp_path, [tick(0)]).with_name("scan.l.hdr"))
    pairs = crystals_of(np.arange(read.addresses), read)
    assert len(np.unique(np.sort(pairs, axis=1), axis=0)) == read.addresses
    assert pairs.min() >= 0
    assert pairs.max() < RINGS * CRYSTALS


def test_words_are_told_apart(tmp_path: Path) -> None:
    dead_time, gantry = (0b101 << 29) | 7, (0b110 << 29) | 9
    words = [event(5), tick(100), event(17), event(18, delayed=True), dead_time, tick(101), gantry,
             event(0), event((1 << 30) - 1)]  # fmt: skip
    path = write(tmp_path, words)
    assert recognise(path) == recognise(path.with_name("scan.l.hdr")) == "siemens-list-mode"
    for one in (path, path.with_name("scan.l.hdr")):
        for size in (2, 100):
            tables = list(open_events(one).chunks(size))
            joined = np.concatenate([table["time_ms"] for table in tables])
            # The first one came within the millisecond before the first tag.
            assert joined.tolist() == [99, 100, 100, 101, 101]
            delayed = np.concatenate([table["delayed"] for table in tables])
            assert delayed.tolist() == [False, False, True, False, False]
            status = np.concatenate([table.status for table in tables])
            assert status.tolist() == [0, 0, 0, 0, Status.BAD_HEADER]


def test_the_centre_is_where_the_source_is_and_moves_as_it_moves(tmp_path: Path) -> None:
    """Lines through a point, as the nearest bins have them: nothing of the reader is used."""
    random = np.random.default_rng(3)
    words = []
    for second in range(40):
        x, y, z = (10.0, -6.0, 2.0) if second < 20 else (14.0, -6.0, -1.0)
        words += [tick(1000 * second)]
        for _ in range(400):
            address = nearest(random, x, y, z)
            if address is not None:
                words.append(event(address))
        words += [event(int(random.integers(0, 1000)), delayed=True)] * (second == 0)
    words.append(tick(40_000))
    words.append(event(0))
    trace, breaks = open_trace(write(tmp_path, words))
    assert breaks == ()
    before, after = trace.centre_mm[1:20].mean(axis=0), trace.centre_mm[20:39].mean(axis=0)
    np.testing.assert_allclose(np.abs(before), [10, 6, 2], atol=0.8)
    moved = after - before
    assert np.hypot(*moved[:2]) == pytest.approx(4.0, abs=0.5)
    assert moved[2] == pytest.approx(-3.0, abs=0.4)


def nearest(random: np.random.Generator, x: float, y: float, z: float) -> int | None:
    """Return the bin nearest to a line through a point in a random direction, if there is one."""
    angle = random.uniform(0, np.pi)
    slope = random.uniform(-0.04, 0.04)
    # Crystal 0 lies at −y, the next ones towards +x; view 0 looks along y.
    normal = np.array([np.cos(angle), np.sin(angle)])
    radius = RADIUS_MM + DEPTH_MM
    s = x * normal[0] + y * normal[1]
    along = np.array([-normal[1], normal[0]])
    reach = np.sqrt(radius**2 - s**2)
    ends = [s * normal + sign * reach * along for sign in (-1, 1)]
    crystal = [round(np.arctan2(e[0], -e[1]) * CRYSTALS / (2 * np.pi)) % CRYSTALS for e in ends]
    far = [(e - [x, y]) @ along for e in ends]
    ring = [round((z + slope * f) / RING_MM + (RINGS - 1) / 2) for f in far]
    if not all(0 <= one < RINGS for one in ring):
        return None
    return PAIRS.get((ring[0], crystal[0], ring[1], crystal[1]))


def pairs() -> dict[tuple[int, int, int, int], int]:
    """Return (ring, crystal, ring, crystal) → address, by the words of STIR's inverse formula."""
    found = {}
    for address, number, view, axial, difference in addresses():
        for a in range(CRYSTALS):
            for b in ((a - number + CRYSTALS // 2 + shift) % CRYSTALS for shift in (-CRYSTALS, 0)):
                tangential = (a - b + 3 * CRYSTALS // 2) % CRYSTALS
                tangential -= CRYSTALS if tangential >= CRYSTALS // 2 else 0
                if tangential == number and (a - (number >> 1)) % CRYSTALS == view:
                    low = axial + max(-difference, 0)
                    found[low, a, low + difference, b] = address
                    found[low + difference, b, low, a] = address
    return found


PAIRS = pairs()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"lm_event_and_tag": "64"}, "words of 64 bits"),
        ({"axial_compression": "11"}, "axial compression 11"),
        ({"horizontal_bed": "continuous"}, "while the bed moved on"),
        ({"number_of_views": "12"}, "joined views"),
        ({"segment_table": "{6, 6}"}, "single ring differences"),
        ({"gantry_crystal": "wide"}, "is no number"),
        ({"name_of_data_file": "other.l"}, "no such file"),
    ],
)
def test_what_is_not_described_is_refused(
    tmp_path: Path, changed: dict[str, str], words: str
) -> None:
    path = write(tmp_path, [tick(0), event(1)], **changed)
    with pytest.raises(PulsefrontError, match=words):
        open_events(path)


def test_a_header_without_a_key_names_it(tmp_path: Path) -> None:
    path = write(tmp_path, [tick(0), event(1)])
    text = header("scan.l").replace("number of rings", "number of wheels")
    path.with_name("scan.l.hdr").write_text(text)
    with pytest.raises(PulsefrontError, match="number of rings: is missing from the header"):
        open_events(path)


def test_a_cut_word_costs_itself_alone(tmp_path: Path) -> None:
    path = write(tmp_path, [tick(0), event(1), event(2)])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(DataWarning, match="ends inside a word at byte 8"):
        assert len(open_events(path).read()) == 1
    with pytest.raises(PulsefrontError, match="ends inside a word"):
        open_events(path, ReadOptions(strict=True))


def test_words_without_their_header_are_of_no_format(tmp_path: Path) -> None:
    path = write(tmp_path, [tick(0), event(1)])
    path.with_name("scan.l.hdr").unlink()
    with pytest.raises(UnsupportedFormat):
        open_events(path)


def test_the_scanner_of_these_tests_has_bins_beyond_its_blocks() -> None:
    assert BINS < CRYSTALS
    assert MOST < RINGS
