from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from bare_install import run_bare
from pulsefront.cli.main import app
from pulsefront.detector import Detector, load_detector
from pulsefront.errors import ConfigError, DataError
from pulsefront.events import store
from pulsefront.events.container import EventTable, Quantity, Status
from pulsefront.events.readers.base import EventFile
from pulsefront.events.readers.open import open_events
from pulsefront.measured.petsird.settings import PetsirdSettings
from pulsefront.measured.petsird.write import PetsirdSummary, write_petsird
from strategies_events import petsys_bytes

petsird = pytest.importorskip("petsird")
from petsird.helpers import expand_detection_bin, get_detection_efficiency  # noqa: E402
from petsird.helpers.geometry import get_detecting_box  # noqa: E402

LIGHT_MM_PER_PS = 0.299792458
PAIR = load_detector("lyso_pair_3x3x20")
BGO = load_detector("bgo_pair_3x3x15")
PIXELS = load_detector("lyso_pixels_8x8")
KNOWN = {"ctr_fwhm_ps": 250.0, "energy_resolution": 0.12, "distance_mm": 200.0}


def file_of(columns: dict[str, np.ndarray], chunk: int = 7, **provenance: object) -> EventFile:
    told = {name: Quantity("1", name) for name in columns}
    status = columns.pop("status", np.zeros(0, np.uint16))
    told.pop("status", None)
    table = EventTable(columns, told, status)

    def stream(_events: int) -> Iterator[EventTable]:
        for start in range(0, max(len(table), 1), chunk):
            yield table.select(slice(start, start + chunk))

    return EventFile(Path("pairs.h5"), "made", told, provenance, 8, stream)


def pairs(events: int = 200, seed: int = 4) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    time_ps = np.sort(random.integers(0, 5 * 10**12, events))
    difference = random.integers(-1500, 1500, events)
    return {
        "energy_kev": random.normal(511, 30, (events, 2)),
        "time_ps": np.stack([time_ps, time_ps - difference], axis=1) + 5000,
        "time_difference_ps": difference,
        "channel": random.integers(0, 64, (events, 2)) + np.array([0, 64]),
    }


def written(
    folder: Path,
    source: EventFile,
    detectors: tuple[Detector, Detector] = (PAIR, PAIR),
    **how: object,
) -> tuple[bytes, PetsirdSummary]:
    out = folder / "scan.petsird"
    summary = write_petsird(source, detectors, out, PetsirdSettings(**{**KNOWN, **how}))
    return out.read_bytes(), summary


def by_petsird(content: bytes) -> tuple[object, list[tuple[int, ...]]]:
    """Return the scanner and the coincidences: types, bins, bin of time, block."""
    found = []
    with petsird.BinaryPETSIRDReader(io.BytesIO(content)) as reader:
        scanner = reader.read_header().scanner
        for block in reader.read_time_blocks():
            span = block.value.time_interval
            for i, row in enumerate(block.value.prompt_events):
                for j, events in enumerate(row):
                    found += [
                        (i, j, *e.detection_bins, e.tof_idx, span.start, span.stop) for e in events
                    ]
    return scanner, found


@given(
    data=st.data(),
    events=st.integers(1, 30),
    chunk=st.integers(1, 12),
    alike=st.booleans(),
    block_ms=st.sampled_from([1, 7, 1000]),
)
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_what_petsird_reads(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    events: int,
    chunk: int,
    alike: bool,
    block_ms: int,
) -> None:
    columns = pairs(events, data.draw(st.integers(0, 1000)))
    columns["energy_kev"][0] = data.draw(st.tuples(*[st.floats(0, 1200)] * 2))
    columns["time_difference_ps"][0] = data.draw(st.integers(-3000, 3000))
    folder = tmp_path_factory.mktemp("written")
    detectors = (PIXELS, PIXELS if alike else PIXELS.model_copy(update={"name": "other"}))
    sides = (tuple(range(64)), tuple(data.draw(st.permutations(range(64, 128)))))
    how = {"channels": sides, "block_ms": block_ms, "tof_range_ps": 1600.0, "energy_bins": 37}
    try:
        content, summary = written(folder, file_of(dict(columns), chunk), detectors, **how)
    except DataError as error:
        assert "no pair to write" in str(error)  # noqa: PT017
        assert not list(folder.iterdir())
        return
    scanner, found = by_petsird(content)
    energy = np.asarray(scanner.event_energy_bin_edges[0].edges, float)
    tof_mm = np.asarray(scanner.tof_bin_edges[0][0].edges, float)
    expected = []
    for pair in range(events):
        kev = columns["energy_kev"][pair]
        mm = -columns["time_difference_ps"][pair] * LIGHT_MM_PER_PS / 2
        if (kev < energy[0]).any() or (kev >= energy[-1]).any() or not tof_mm[0] <= mm < tof_mm[-1]:
            continue
        e = [int(np.flatnonzero(energy <= value)[-1]) for value in kev]
        element = columns["channel"][pair, 0], sides[1].index(columns["channel"][pair, 1])
        second = (64 if alike else 0) + element[1]
        start = int(columns["time_ps"][pair].min() // (10**9 * block_ms)) * block_ms
        expected.append(
            (int(not alike), 0, second * 37 + e[1], element[0] * 37 + e[0],
             int(np.flatnonzero(tof_mm <= mm)[-1]), start, start + block_ms)
        )  # fmt: skip
    assert [row[:5] for row in found] == [row[:5] for row in expected]
    # A pair whose earlier hit lies in the interval before the last one stays with its neighbours.
    assert all(0 <= a[5] - b[5] <= block_ms for a, b in zip(found, expected, strict=True))
    assert summary.events == len(found)
    assert summary.events + sum(summary.left_out.values()) == events
    # And back into the store: ids and bins as they were written.
    table = open_events(folder / "scan.petsird").read()
    both = np.concatenate(
        [table["module_type"], table["detection_bin"], table["tof_bin"][:, None]], axis=1
    )
    np.testing.assert_array_equal(both, [row[:5] for row in found])
    assert (table.status == 0).all()
    again = file_of({n: table[n] for n in ("energy_kev", "time_difference_ps", "block_start_ms")})
    copied, _ = written(
        folder, again, (BGO, PAIR), block_ms=block_ms, tof_range_ps=1600.0, energy_bins=37
    )
    tof_bins = len(tof_mm) - 1
    assert [row[4] for row in by_petsird(copied)[1]] == [tof_bins - 1 - row[4] for row in found]


def test_elements_lie_where_the_detectors_are(tmp_path: Path) -> None:
    content, _ = written(tmp_path, file_of(pairs()), (PAIR, BGO))
    scanner, _ = by_petsird(content)
    assert [m.name for m in scanner.bulk_materials] == [PAIR.material.name, BGO.material.name]
    for kind, (side, length) in enumerate([(-1, 20.0), (1, 15.0)]):
        expanded = expand_detection_bin(scanner, kind, 0)
        corners = np.array([c.c for c in get_detecting_box(scanner, kind, expanded).corners])
        np.testing.assert_allclose(corners.mean(axis=0), [side * (100 + length / 2), 0, 0])
        np.testing.assert_allclose(np.ptp(corners, axis=0), [length, 3, 3], rtol=1e-5)
    assert scanner.tof_resolution[1][0] == pytest.approx(250 * LIGHT_MM_PER_PS / 2)
    assert scanner.energy_resolution_at_511 == pytest.approx([0.12, 0.12])
    fractions = scanner.bulk_materials[0].mass_fractions
    assert sum(fractions) == pytest.approx(1)


def test_all_elements_of_an_array_are_told_apart(tmp_path: Path) -> None:
    how = {"channels": (tuple(range(64)), tuple(range(64, 128))), "energy_bins": 8}
    scanner, _ = by_petsird(written(tmp_path, file_of(pairs()), (PIXELS, PIXELS), **how)[0])
    for module, turned in ((0, -1), (1, 1)):
        for element, (x, y) in enumerate(PIXELS.crystal.element_centres_mm):
            where = petsird.ExpandedDetectionBin(
                module_index=module, element_index=element, energy_index=3
            )
            corners = np.array([c.c for c in get_detecting_box(scanner, 0, where).corners])
            np.testing.assert_allclose(corners.mean(axis=0)[1:], [turned * x, y], atol=1e-5)


def test_the_helpers_of_petsird_find_efficiencies_of_one(tmp_path: Path) -> None:
    for detectors in ((PAIR, PAIR), (PAIR, BGO)):
        scanner, found = by_petsird(written(tmp_path, file_of(pairs()), detectors)[0])
        for i, j, one, other, *_ in found[:20]:
            event = petsird.CoincidenceEvent(detection_bins=[one, other])
            assert get_detection_efficiency(scanner, [i, j], event) == 1


def test_flagged_pairs_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    columns = pairs(40)
    columns["status"] = np.where(np.arange(40) % 4 == 1, Status.SATURATED, 0).astype(np.uint16)
    _, summary = written(tmp_path, file_of(dict(columns)), tof_range_ps=1600.0)
    assert (summary.events, summary.left_out) == (30, {"with flags": 10})
    _, summary = written(tmp_path, file_of(columns), tof_range_ps=1600.0, keep_flagged=True)
    assert (summary.events, summary.left_out) == (40, {})


def test_a_full_interval_becomes_several_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pulsefront.measured.petsird.write.MOST_PER_BLOCK", 15)
    content, summary = written(tmp_path, file_of(pairs(200), 50), block_ms=4000)
    whole = by_petsird(content)[1]
    assert summary.blocks >= summary.events // 15 > 1
    monkeypatch.undo()
    content, summary = written(tmp_path, file_of(pairs(200), 50), block_ms=4000)
    assert summary.blocks == 2
    assert by_petsird(content)[1] == whole


def test_ndjson_holds_the_same(tmp_path: Path) -> None:
    content, _ = written(tmp_path, file_of(pairs()))
    out = tmp_path / "scan.ndjson"
    write_petsird(file_of(pairs()), (PAIR, PAIR), out, PetsirdSettings(**KNOWN))
    copy = io.BytesIO()
    with petsird.NDJsonPETSIRDReader(str(out)) as reader, petsird.BinaryPETSIRDWriter(copy) as w:
        reader.copy_to(w)
    assert by_petsird(copy.getvalue())[1] == by_petsird(content)[1]


@pytest.mark.parametrize(
    ("change", "how", "error", "problem"),
    [
        ({"energy_kev": None}, {}, DataError, r"no energies in keV.*--energy-bins 1"),
        ({"time_difference_ps": None, "time_ps": None}, {}, DataError, "no time differences"),
        ({"time_ps": None}, {}, ConfigError, "--rate-per-s"),
        ({}, {"distance_mm": None}, ConfigError, "--distance-mm"),
        ({}, {"energy_column": "charge"}, DataError, "charge.*no such quantity"),
        ({"energy_kev": np.ones(200)}, {}, DataError, r"\(event, 2\)"),
        ({"clock_stretch": np.arange(200) // 150}, {}, DataError, "clock starts anew"),
        ({"time_ps": -np.arange(200) * 10**12}, {}, DataError, "runs backward"),
        ({}, {"energy_range_kev": (1e4, 2e4)}, DataError, "no pair to write.*200 outside the ener"),
        ({}, {"ctr_fwhm_ps": 0.0}, ConfigError, "ctr_fwhm_ps"),
    ],
)
def test_what_is_not_known_is_asked_for(
    tmp_path: Path,
    change: dict[str, np.ndarray | None],
    how: dict[str, object],
    error: type[Exception],
    problem: str,
) -> None:
    columns = {n: v for n, v in {**pairs(), **change}.items() if v is not None}
    with pytest.raises(error, match=problem) as caught:
        written(tmp_path, file_of(columns), **how)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_elements_of_an_array_have_to_be_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"64 elements.*0-63 64-127"):
        written(tmp_path, file_of(pairs()), (PIXELS, PIXELS))
    with pytest.raises(ConfigError, match="names 2 channels for side 0"):
        written(tmp_path, file_of(pairs()), (PIXELS, PIXELS), channels=((0, 1), (2, 3)))
    columns = pairs()
    del columns["channel"]
    with pytest.raises(DataError, match="does not say which of 64 elements"):
        written(tmp_path, file_of(columns), (PIXELS, PIXELS))


def test_pairs_of_a_petsys_file_go_through_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run.ldat").write_bytes(petsys_bytes(300, form="petsys-coincidence"))
    known = ["petsird", "run.ldat", "--detector", "lyso_pair_3x3x20", "--distance-mm", "200"]
    more = ["--energy-column", "energy", "--rate-per-s", "5", "--out", "scan.bin"]
    more += ["--energy-range-kev", "300", "700", "--time-column", "time_ps"]
    result = CliRunner().invoke(app, [*known, *more])
    assert "--ctr-fwhm-ps, --energy-resolution-percent" in str(result.exception)
    result = CliRunner().invoke(
        app,
        [*known, *more, "--ctr-fwhm-ps", "300", "--energy-resolution-percent", "12"],
        catch_exceptions=False,
    )
    assert "300 coincidences in 60 time blocks" in result.output
    table = open_events("scan.bin").read()
    hits = open_events("run.ldat").read()
    # Side 1 stands first; 300 ps between the sides lie within a bin of 60 ps.
    np.testing.assert_allclose(table["energy_kev"][:, ::-1], hits["energy"], atol=2.0001)
    assert np.abs(table["time_difference_ps"] - 300).max() <= 30
    assert all(b - a in (0, 1000) for a, b in pairwise(table["block_start_ms"].tolist()))
    result = CliRunner().invoke(app, ["inspect", "scan.bin"], catch_exceptions=False)
    assert "petsird, 300 events" in result.output
    assert "centre of the energy bin" in result.output


def test_simulated_pairs_know_their_detectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("source.toml").write_text(
        "offsets_mm = [-30.0, 30.0]\nevents_per_offset = 20\ndistance_mm = 150.0\n"
        "[light_map]\npitch_mm = 1.5\ndepth_pitch_mm = 5.0\nphotons = 2000\ntransit_times = true\n"
    )
    simulate = ["simulate", "lyso_pair_3x3x20", "--settings", "source.toml", "--events", "40"]
    CliRunner().invoke(app, [*simulate, "--out", "sim.h5"], catch_exceptions=False)
    write = ["petsird", "sim.h5", "--ctr-fwhm-ps", "150", "--energy-resolution-percent", "11"]
    result = CliRunner().invoke(
        app, [*write, "--rate-per-s", "1000", "--out", "sim.petsird"], catch_exceptions=False
    )
    assert "truth: energy deposited" in result.output
    simulated = store.read("sim.h5")
    kept = simulated.status == 0
    scanner, found = by_petsird(Path("sim.petsird").read_bytes())
    assert len(found) == np.count_nonzero(kept)
    times = simulated["true_arrival_ns"][kept]
    mm = 1e3 * (times[:, 1] - times[:, 0]) * LIGHT_MM_PER_PS / 2
    edges = np.asarray(scanner.tof_bin_edges[0][0].edges, float)
    np.testing.assert_array_equal([row[4] for row in found], np.searchsorted(edges, mm) - 1)
    matrix = scanner.scanner_geometry.replicated_modules[0].transforms[1].matrix
    assert matrix[0, 3] == 75


def test_the_missing_package_is_named_before_anything_is_written(tmp_path: Path) -> None:
    columns = pairs(5)
    table = EventTable(columns, {name: Quantity("1", name) for name in columns})
    store.write(table, tmp_path / "pairs.h5")
    done = run_bare(
        "petsird", "pairs.h5", "--detector", "lyso_pair_3x3x20", "--distance-mm", "9",
        "--ctr-fwhm-ps", "1", "--energy-resolution-percent", "1", "--out", "scan.bin",
        folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 3
    assert "pip install 'pulsefront[petsird]'" in done.stderr
    assert not (tmp_path / "scan.bin").exists()
