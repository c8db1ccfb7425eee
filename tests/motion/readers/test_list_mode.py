"""List mode gives the trace that its coincidences have, in bounded memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.events.container import EventTable, Quantity
from pulsefront.events.readers.base import EventFile, ReadOptions
from pulsefront.motion import open_trace
from pulsefront.motion.readers.list_mode import ListModeSettings, trace_of_list_mode
from pulsefront.motion.simulate.scan import ScanPlan, simulate_lines

PLAN = ScanPlan(duration_s=8, rate_per_s=4000, patient=1)
MM_PER_PS = 0.299792458 / 2


def source(columns: dict[str, np.ndarray], chunk: int = 1000) -> EventFile:
    unit_of = {"mm": "mm", "ps": "ps", "s": "s", "ms": "ms"}
    units = {name: Quantity(unit_of.get(name.split("_")[-1], "1"), name) for name in columns}
    count = len(next(iter(columns.values())))

    def stream(_: int):
        for at in range(0, count, chunk):
            yield EventTable({k: v[at : at + chunk] for k, v in columns.items()}, units)

    return EventFile(Path("scan"), "made up", units, {}, 100, stream)


def columns_of(lines: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "time_s": lines[:, 0],
        "end_0_mm": lines[:, 1:4],
        "end_1_mm": lines[:, 4:7],
        "time_difference_ps": -lines[:, 7] / MM_PER_PS,
        "delayed": lines[:, 8],
    }


@pytest.fixture(scope="module")
def made():
    return simulate_lines(PLAN, 3, 60_000)


def test_lines_of_response_give_the_trace_of_their_scan(made) -> None:
    lines, scan = made
    field = ListModeSettings(field_mm=PLAN.scanner.field_radius_mm + 20)
    trace, breaks = trace_of_list_mode(source(columns_of(lines)), field)
    assert breaks == ()
    # The last interval may have only begun, and the first begins with the first event.
    assert len(trace) == len(scan.trace) - 1
    known = scan.trace.select(slice(0, len(trace)))
    np.testing.assert_allclose(trace.counts, known.counts, atol=15)
    # What differs is the blur of 2 mm that the lines do not have, and a few events at the edges.
    np.testing.assert_allclose(trace.centre_mm, known.centre_mm, atol=0.35)
    np.testing.assert_allclose(trace.error_mm, known.error_mm, rtol=0.03)
    assert abs(trace.views.sum() / trace.counts.sum() - 2) < 1e-12


def test_without_time_of_flight_the_centre_is_the_same(made) -> None:
    lines, scan = made
    settings = ListModeSettings(field_mm=400, tof=False)
    trace, _ = trace_of_list_mode(source(columns_of(lines)), settings)
    z = (trace.centre_mm - scan.trace.centre_mm[: len(trace)]) / trace.error_mm
    assert abs(z.mean(axis=0)[:2]).max() < 4 / np.sqrt(len(trace))


def test_chunks_make_no_difference(made) -> None:
    columns = columns_of(made[0])
    one, _ = trace_of_list_mode(source(columns, 10**6), ListModeSettings())
    two, _ = trace_of_list_mode(source(columns, 77), ListModeSettings())
    np.testing.assert_array_equal(one.centre_mm, two.centre_mm)


def test_a_clock_that_starts_anew_runs_on(made) -> None:
    columns = columns_of(made[0])
    columns["time_s"] = columns["time_s"] + np.where(columns["time_s"] < 4, 500.0, -4.0)
    trace, breaks = trace_of_list_mode(source(columns), ListModeSettings())
    assert len(breaks) == 1
    assert 4.0 <= breaks[0] < 6.0
    assert trace.findings[0].kind == "clock reset"
    assert len(trace) == 8


def test_a_few_absurd_times_are_left_out_and_told(made) -> None:
    columns = columns_of(made[0])
    time = columns["time_s"].copy()
    time[1000:1010] = 1e9
    trace, breaks = trace_of_list_mode(source({**columns, "time_s": time}), ListModeSettings())
    assert breaks == ()
    assert "10 events are out of time" in trace.findings[0].text


def test_channels_need_to_know_where_they_are(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    angle = np.arange(48) * 2 * np.pi / 48
    table = tmp_path / "elements.csv"
    rows = [f"{100 + i},{400 * np.cos(a):.6f},{400 * np.sin(a):.6f},0" for i, a in enumerate(angle)]
    table.write_text("channel,x_mm,y_mm,z_mm\n" + "\n".join(rows) + "\n")
    channel = random.integers(100, 148, (5000, 2))
    channel[0] = 7
    columns = {
        "time_s": np.linspace(0, 10, 5000),
        "channel": channel,
        "time_difference_ps": np.zeros(5000),
    }
    with pytest.raises(DataError, match="--elements"):
        trace_of_list_mode(source(columns), ListModeSettings())
    trace, _ = trace_of_list_mode(source(columns), ListModeSettings(field_mm=410, elements=table))
    assert "1 events are flagged, or their elements unknown" in trace.findings[0].text
    a, b = (400 * np.exp(1j * angle[channel[1:, side] - 100]) for side in (0, 1))
    time = columns["time_s"][1:]
    first = ((a + b) / 2)[(time - time[0]) < 1.0].mean()
    np.testing.assert_allclose(trace.centre_mm[0, :2], (first.real, first.imag), atol=1e-3)


def test_petsird_is_read_by_its_own_header(tmp_path: Path) -> None:
    petsird = pytest.importorskip("petsird")
    from strategies_events import petsird_bytes, petsird_scanner

    header = petsird_scanner(((24, 2),), energy_bins=1)
    kind = header.scanner.scanner_geometry.replicated_modules[0]
    kind.transforms = [
        petsird.RigidTransformation(
            matrix=np.array(
                [
                    [np.cos(a), -np.sin(a), 0, 300 * np.cos(a)],
                    [np.sin(a), np.cos(a), 0, 300 * np.sin(a)],
                    [0, 0, 1, 0],
                ],
                np.float32,
            )
        )
        for a in np.arange(24) * 2 * np.pi / 24
    ]
    shape = kind.object.detecting_elements.object.shape
    shape.corners = [petsird.Coordinate(c=np.zeros(3, np.float32)) for _ in range(8)]
    random = np.random.default_rng(2)
    blocks, expected = [], []
    for number in range(5):
        pairs = []
        middle = []
        for _ in range(200):
            one, two = sorted(random.choice(48, 2, replace=False).tolist(), reverse=True)
            pairs.append(petsird.CoincidenceEvent(detection_bins=[one, two], tof_idx=4))
            places = [300 * np.exp(1j * (bin_ // 2) * 2 * np.pi / 24) for bin_ in (one, two)]
            middle.append(sum(places) / 2)
        expected.append(np.mean(middle))
        blocks.append(
            petsird.TimeBlock.EventTimeBlock(
                petsird.EventTimeBlock(
                    time_interval=petsird.TimeInterval(
                        start=1000 * number, stop=1000 * number + 999
                    ),
                    prompt_events=[[pairs]],
                )
            )
        )
    path = tmp_path / "scan.petsird"
    path.write_bytes(petsird_bytes(blocks, header)[0])
    trace, _ = open_trace(path, ReadOptions(), list_mode=ListModeSettings(field_mm=300))
    assert trace.counts.tolist() == [200, 200, 200, 200]
    np.testing.assert_allclose(trace.centre_mm[:, 0], np.real(expected[:4]), atol=1e-3)
    np.testing.assert_allclose(trace.centre_mm[:, 1], np.imag(expected[:4]), atol=1e-3)


def test_a_scan_of_one_interval_is_refused(made) -> None:
    with pytest.raises(DataError, match="fewer than three intervals"):
        trace_of_list_mode(source(columns_of(made[0])), replace(ListModeSettings(), interval_s=60))
