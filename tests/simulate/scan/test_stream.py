"""A stream goes on with a scan: the same for any workers, balanced, and never an event twice."""

from __future__ import annotations

import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from itertools import count, islice
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from pulsefront.detector import Detector
from pulsefront.events.container import EventTable
from pulsefront.simulate import LightMapSettings, ScanSettings, simulate_scan
from pulsefront.simulate.light.map import LightMap
from pulsefront.simulate.run.shards import iterate_ahead
from pulsefront.simulate.scan.setup import set_up_scan
from pulsefront.simulate.scan.stream import BLOCK_EVENTS, ScanStream

MAP = LightMapSettings(pitch_mm=4.0, depth_pitch_mm=4.0, photons=4000)
SCAN = ScanSettings(
    pitch_mm=6.0, half_extent_mm=18.0, events_even_even=300, events_odd_odd=20, light_map=MAP
)


@pytest.fixture(scope="module")
def stream(detector: Detector, light_map: LightMap) -> ScanStream:
    setup = set_up_scan(detector, SCAN, 7, light_map=light_map)
    even = (setup.index % 2 == 0).all(1)
    return ScanStream(setup, np.flatnonzero(even), 7)


def first(stream: ScanStream, blocks: int, seed: int = 3, **options: object) -> EventTable:
    tables = stream.tables(seed, **options)  # type: ignore[arg-type]
    return EventTable.concatenate(list(islice(tables, blocks)))


def test_the_events_do_not_depend_on_workers_or_chunks(stream: ScanStream) -> None:
    alone = first(stream, 5)
    with ThreadPoolExecutor(1) as one:
        others = [first(replace(stream, blocks_at_once=3, ahead=1), 5, executor=one)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as two:
        others.append(first(replace(stream, blocks_at_once=1), 5, executor=two))
    for other in others:
        for name, column in alone.columns.items():
            np.testing.assert_array_equal(column, other[name])


def test_no_event_comes_twice_in_a_stream_or_in_two_or_in_the_scan(
    detector: Detector, light_map: LightMap, stream: ScanStream
) -> None:
    scan = simulate_scan(detector, SCAN, 7, light_map=light_map)
    tables = [first(stream, 3), first(stream, 3, seed=4), scan]
    depths = np.concatenate([table["first_interaction_mm"] for table in tables])
    assert len(np.unique(depths, axis=0)) == len(depths) == 6 * BLOCK_EVENTS + len(scan)


def test_every_position_takes_its_turn_before_any_does_again(stream: ScanStream) -> None:
    some = replace(stream, positions=stream.positions[:15])
    # 1,024 is no multiple of 15: turns go on from block to block.
    order = np.concatenate([some.positions_of(3, block) for block in range(5)])
    turns = order[: len(order) // 15 * 15].reshape(-1, 15)
    assert (np.sort(turns, axis=1) == some.positions).all()
    assert (turns[0] != turns[1]).any()


def test_stage_errors_and_gains_are_those_of_the_scan(
    detector: Detector, light_map: LightMap, stream: ScanStream
) -> None:
    uneven = np.linspace(0.5, 1.5, len(stream.setup.gain))
    scan = simulate_scan(detector, SCAN, 7, light_map=light_map)
    even = (scan["grid_index"] % 2 == 0).all(1)
    own = scan["charge_adc"][even].mean(0)
    for setup, alike in ((stream.setup, True), (replace(stream.setup, gain=uneven), False)):
        streamed = first(replace(stream, setup=setup), 6)
        assert set(map(tuple, streamed["grid_index"])) == set(map(tuple, scan["grid_index"][even]))
        away = np.abs(streamed["charge_adc"].mean(0) / own - 1.0).max()
        assert (away < 0.1) == alike
    np.testing.assert_array_equal(
        stream.setup.source_mm, set_up_scan(detector, SCAN, 7, light_map=light_map).source_mm
    )


def test_no_more_is_begun_than_may_wait() -> None:
    begun: list[int] = []
    lock = threading.Lock()

    def work(number: int) -> int:
        with lock:
            begun.append(number)
        return number

    endless = iterate_ahead(work, lambda number: (number,), count(), ahead=4)
    for taken in range(20):
        assert next(endless) == (taken, taken)
        assert max(begun) < taken + 4
    endless.close()  # type: ignore[attr-defined]


def test_an_endless_stream_ends_when_it_is_closed(stream: ScanStream, tmp_path: Path) -> None:
    before = threading.active_count()
    tables = stream.tables(1)
    next(tables)
    assert threading.active_count() > before
    tables.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_a_stage_that_moves_on_is_nowhere_twice_and_evenly_within_reach(
    detector: Detector, light_map: LightMap, stream: ScanStream
) -> None:
    moving = SCAN.model_copy(update={"continuous": True})
    setup = set_up_scan(detector, moving, 7, light_map=light_map)
    scan = simulate_scan(detector, moving, 7, light_map=light_map)
    even = (scan["grid_index"] % 2 == 0).all(1)
    found = [scan.select(np.flatnonzero(even)), first(replace(stream, setup=setup), 5)]
    again = first(replace(stream, setup=setup, blocks_at_once=3), 5)
    assert np.array_equal(found[1]["charge_adc"], again["charge_adc"])
    assert np.array_equal(found[1]["stage_position_mm"], again["stage_position_mm"])
    for table in found:
        stage = table["stage_position_mm"].astype(np.float64)
        assert len(np.unique(stage, axis=0)) == len(stage)
        place = table["grid_index"] * moving.pitch_mm - moving.half_extent_mm
        assert np.abs(stage - place).max() <= moving.pitch_mm
        assert np.abs(stage).max() <= moving.half_extent_mm
        inner = (np.abs(place) < moving.half_extent_mm - moving.pitch_mm).all(1)
        where = (stage - place)[inner] / moving.pitch_mm
        # Uniform on [−1, 1]: mean and mean square within four standard errors.
        assert np.abs(where.mean(0)).max() < 4 * np.sqrt(1 / 3 / len(where))
        assert np.abs((where**2).mean(0) - 1 / 3).max() < 4 * np.sqrt(4 / 45 / len(where))
        away = np.linalg.norm(table["first_interaction_mm"][:, :2] - stage, axis=1)
        assert np.median(away) < moving.beam_fwhm_mm
    still = simulate_scan(detector, SCAN, 7, light_map=light_map).select(np.flatnonzero(~even))
    other = scan.select(np.flatnonzero(~even))
    assert np.array_equal(still["stage_position_mm"], other["stage_position_mm"])
