from __future__ import annotations

import io
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bare_install import run_bare
from pulsefront.errors import DataError, TruncatedFile, UnsupportedFormat
from pulsefront.events import store
from pulsefront.events.container import EventTable, Status
from pulsefront.events.ingest import ingest
from pulsefront.events.readers.base import DataWarning, ReadOptions
from pulsefront.events.readers.open import open_events, recognise
from strategies_events import petsird_bytes, petsird_pairs, petsird_scanner

petsird = pytest.importorskip("petsird")
PROTOCOL = petsird.PETSIRDReaderBase.schema
TYPES = ((4, 3), (2, 5))
BINS = [4 * 3 * 5, 2 * 5 * 5]
LIGHT_MM_PER_PS = 0.299792458


def read(content: bytes, folder: Path, name: str | None = None, **how: object) -> EventTable:
    path = folder / "scan.petsird"
    path.write_bytes(content)
    return open_events(path, ReadOptions(**how), format_name=name).read()


def by_petsird(content: bytes) -> list[tuple[int, ...]]:
    """Read coincidences with petsird's own reader: kind, types, bins, bin of time, block."""
    found = []
    with petsird.BinaryPETSIRDReader(io.BytesIO(content)) as reader:
        reader.read_header()
        for block in reader.read_time_blocks():
            if not isinstance(block, petsird.TimeBlock.EventTimeBlock):
                continue
            span = block.value.time_interval
            for delayed, lists in enumerate(
                (block.value.prompt_events, block.value.delayed_events)
            ):
                for i, row in enumerate(lists):
                    for j, pairs in enumerate(row):
                        found += [
                            (delayed, i, j, *p.detection_bins, p.tof_idx, span.start, span.stop)
                            for p in pairs
                        ]
    return found


def as_tuples(table: EventTable) -> list[tuple[int, ...]]:
    columns = [
        table["delayed"], *table["module_type"].T, *table["detection_bin"].T, table["tof_bin"],
        table["block_start_ms"], table["block_stop_ms"],
    ]  # fmt: skip
    return [tuple(map(int, row)) for row in zip(*columns, strict=True)]


@st.composite
def pairs_of(draw: st.DrawFn, first: int, second: int) -> list:
    made = []
    for _ in range(draw(st.integers(0, 4))):
        bins = [draw(st.integers(0, BINS[first] - 1)), draw(st.integers(0, BINS[second] - 1))]
        bins = sorted(bins, reverse=True) if first == second else bins
        tof = draw(st.integers(0, 8))
        made.append(petsird.CoincidenceEvent(detection_bins=bins, tof_idx=tof))
    return made


# The schema of petsird 0.12 has triple events in the lists of quadruples too.
TRIPLE = petsird.TripleEvent(detection_bins=[300, 2, 1], tof_indices=[7, 8])
TRIPLES = [[[[TRIPLE] * k for k in range(j + 1)] for j in range(i + 1)] for i in range(2)]
QUADRUPLES = [
    [[[[TRIPLE] * m for m in range(k + 1)] for k in range(j + 1)] for j in range(i + 1)]
    for i in range(2)
]


@st.composite
def blocks(draw: st.DrawFn) -> list:
    made = []
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, 2**32 - 1))
        span = petsird.TimeInterval(start=start, stop=draw(st.integers(start, 2**32 - 1)))
        if draw(st.integers(0, 4)) == 0:
            made.append(draw(others(span)))
            continue
        lists = [
            [[draw(pairs_of(i, j)) for j in range(i + 1)] for i in range(2)]
            if draw(st.booleans())
            else []
            for _ in range(2)
        ]
        block = petsird.EventTimeBlock(
            time_interval=span,
            prompt_events=lists[0],
            delayed_events=lists[1],
            triple_events=draw(st.sampled_from([[], TRIPLES])),
            quadruple_events=draw(st.sampled_from([[], QUADRUPLES])),
        )
        made.append(petsird.TimeBlock.EventTimeBlock(block))
    return made


@st.composite
def others(draw: st.DrawFn, span: object) -> object:
    block = petsird.TimeBlock
    still = petsird.RigidTransformation(matrix=np.ones((3, 4), np.float32))
    count = draw(st.integers(0, 3))
    pairs = np.empty((count, 2), object)
    for cell in np.ndindex(pairs.shape):
        pairs[cell] = [[0.5, 1.0], [1.0]]
    fractions = petsird.AliveTimeFractions(
        singles_alive_time_fractions=[np.ones(count, np.float32)],
        module_pair_alive_time_fractions=[[pairs], [pairs, pairs]],
    )
    return draw(
        st.sampled_from(
            [
                block.ExternalSignalTimeBlock(
                    petsird.ExternalSignalTimeBlock(
                        time_interval=span, signal_id=300, signal_values=[1.5] * count
                    )
                ),
                block.BedMovementTimeBlock(
                    petsird.BedMovementTimeBlock(time_interval=span, transform=still)
                ),
                block.GantryMovementTimeBlock(
                    petsird.GantryMovementTimeBlock(time_interval=span, transforms=[still] * count)
                ),
                block.DeadTimeTimeBlock(
                    petsird.DeadTimeTimeBlock(time_interval=span, alive_time_fractions=fractions)
                ),
                block.SinglesHistogramTimeBlock(
                    petsird.SinglesHistogramTimeBlock(
                        time_interval=span,
                        singles_per_singles_unit_histogram=[[2**60, 3]] * count,
                        singles_per_detection_bin_histogram=[[1], []],
                    )
                ),
            ]
        )
    )


@given(made=blocks(), chunk=st.integers(1, 7))
@settings(max_examples=120, deadline=None)
@pytest.mark.filterwarnings("ignore:.*left out:pulsefront.events.readers.base.DataWarning")
@pytest.mark.filterwarnings("ignore:.*backward:pulsefront.events.readers.base.DataWarning")
def test_ids_and_bins_are_those_that_petsird_reads(
    tmp_path_factory: pytest.TempPathFactory, made: list, chunk: int
) -> None:
    content, _ = petsird_bytes(made, petsird_scanner(TYPES))
    path = tmp_path_factory.mktemp("scan") / "scan.petsird"
    path.write_bytes(content)
    source = open_events(path)
    tables = list(source.chunks(chunk))
    assert all(len(table) <= chunk for table in tables)
    table = EventTable.concatenate(tables)
    assert as_tuples(table) == by_petsird(content)
    assert (table.status == 0).all()
    edges = np.linspace(400, 650, 6)
    centres = (edges[1:] + edges[:-1]) / 2
    np.testing.assert_allclose(table["energy_kev"], centres[table["detection_bin"] % 5])
    element = table["detection_bin"] // 5 + 12 * table["module_type"]
    np.testing.assert_array_equal(table["channel"], element)
    tof = np.linspace(-90, 90, 10)
    middle_mm = ((tof[1:] + tof[:-1]) / 2)[table["tof_bin"]]
    np.testing.assert_allclose(
        table["time_difference_ps"], 2 * middle_mm / LIGHT_MM_PER_PS, atol=1e-3
    )


def test_a_file_is_recognised_ingested_and_told(tmp_path: Path) -> None:
    path = tmp_path / "scan.bin"
    path.write_bytes(petsird_bytes(petsird_pairs(60, 10))[0])
    assert recognise(path) == "petsird"
    source = open_events(path)
    assert source.provenance["scanner"] == "made up"
    assert source.provenance["modules"] == [4]
    assert source.provenance["ctr_fwhm_ps"][0][0] == pytest.approx(2 * 30 / LIGHT_MM_PER_PS)
    assert ingest([path], tmp_path / "s.h5") == 60
    table = store.read(tmp_path / "s.h5")
    assert as_tuples(table) == by_petsird(path.read_bytes())
    assert "bin" in source.quantities["energy_kev"].description


def test_single_hits_have_times_to_the_picosecond(tmp_path: Path) -> None:
    header = petsird_scanner(TYPES)
    header.scanner.single_event_policy = petsird.SingleEventPolicy.ALL
    header.scanner.prompt_event_policy = petsird.CoincidencePolicy.NONE
    hits = [
        [petsird.SingleEvent(detection_bin=n, time_offset_in_time_block=4_000_000_000 + n)]
        for n in (59, 49)
    ]
    span = petsird.TimeInterval(start=4_000_000, stop=4_000_004)
    block = petsird.EventTimeBlock(time_interval=span, single_events=hits)
    content, _ = petsird_bytes([petsird.TimeBlock.EventTimeBlock(block)], header)
    table = read(content, tmp_path)
    assert table["time_ps"].tolist() == [4 * 10**15 + 4 * 10**9 + n for n in (59, 49)]
    assert table["channel"].tolist() == [11, 12 + 9]
    assert table["module_type"].tolist() == [0, 1]
    both = petsird_pairs(3)
    both[1].value.single_events = hits[:1]
    content, _ = petsird_bytes(both)
    with pytest.warns(DataWarning, match="left out: 1 single hits.*petsird-singles"):
        assert len(read(content, tmp_path)) == 3
    with pytest.warns(DataWarning, match="left out: 3 coincidences"):
        assert len(read(content, tmp_path, "petsird-singles")) == 1


def test_triples_and_other_blocks_are_left_out_and_counted(tmp_path: Path) -> None:
    made = petsird_pairs(4)
    triple = petsird.TripleEvent(detection_bins=[3, 2, 1], tof_indices=[0, 1])
    made[1].value.triple_events = [[[[triple, triple]]]]
    made[2].value.quadruple_events = [[[[[triple]]]]]
    span = petsird.TimeInterval(start=0, stop=1)
    bed = petsird.BedMovementTimeBlock(time_interval=span)
    made.append(petsird.TimeBlock.BedMovementTimeBlock(bed))
    with pytest.warns(DataWarning) as caught:
        table = read(petsird_bytes(made)[0], tmp_path)
    assert len(table) == 4
    assert str(caught[0].message).endswith(
        "left out: 2 triple coincidences, 1 quadruple coincidences, 1 blocks of bed movement"
    )


def test_whole_blocks_of_a_cut_file_are_kept_and_the_rest_named(tmp_path: Path) -> None:
    content, begins = petsird_bytes(petsird_pairs(30, 10))
    for cut in (begins[2] + 1, begins[2] + 20, begins[3] - 1):
        with pytest.warns(DataWarning, match=rf"ends inside.* byte {begins[2]}, after 20 whole"):
            table = read(content[:cut], tmp_path)
        assert as_tuples(table) == by_petsird(content)[:20]
    with pytest.warns(DataWarning, match=rf"mark of its end, at byte {begins[3]}, after 30 whole"):
        assert len(read(content[:-1], tmp_path)) == 30
    with pytest.raises(TruncatedFile, match="ends inside"):
        read(content[: begins[2] + 9], tmp_path, strict=True)
    with pytest.raises(TruncatedFile, match="nothing to keep"):
        read(content[: begins[0] + 9], tmp_path)
    with pytest.warns(DataWarning, match=rf"7 bytes behind .* byte {len(content)}"):
        assert len(read(content + b"leftout", tmp_path)) == 30


def test_a_damaged_block_ends_what_is_kept(tmp_path: Path) -> None:
    content, begins = petsird_bytes(petsird_pairs(30, 10))
    damaged = bytearray(content)
    damaged[begins[1] + 1] = 6  # no such kind of block
    with pytest.warns(DataWarning, match=rf"\(no time block\) at byte {begins[1]}, after 10"):
        table = read(bytes(damaged), tmp_path)
    assert as_tuples(table) == by_petsird(content)[:10]


def test_bins_that_the_scanner_does_not_have_are_flagged(tmp_path: Path) -> None:
    made = petsird_pairs(6)
    pairs = [block.value.prompt_events[0][0][0] for block in made]
    pairs[1].detection_bins = [60, 3]
    pairs[2].tof_idx = 9
    pairs[4].detection_bins = [3, 4]
    with pytest.warns(DataWarning, match="3 events have bins"):
        table = read(petsird_bytes(made)[0], tmp_path)
    assert np.flatnonzero(table.status).tolist() == [1, 2, 4]
    assert (table.status[[1, 2, 4]] == Status.BAD_HEADER).all()
    assert np.isnan(table["energy_kev"][[1, 2, 4]]).all()
    assert table["detection_bin"][1].tolist() == [60, 3]


def test_time_that_runs_backward_is_said(tmp_path: Path) -> None:
    made = petsird_pairs(6)
    made[3].value.time_interval = petsird.TimeInterval(start=1, stop=2)
    with pytest.warns(DataWarning, match="runs backward 1 time"):
        assert len(read(petsird_bytes(made)[0], tmp_path)) == 6


def test_a_run_without_events_is_empty_and_not_damaged(tmp_path: Path) -> None:
    table = read(petsird_bytes([])[0], tmp_path)
    assert len(table) == 0
    assert table["detection_bin"].shape == (0, 2)


def test_another_version_is_one_clear_line(tmp_path: Path) -> None:
    content, _ = petsird_bytes(petsird_pairs(3))
    other = content.replace(b'"tofIdx"', b'"tofBin"')
    with pytest.raises(UnsupportedFormat, match=r"another version.*: CoincidenceEvent differ"):
        read(other, tmp_path)
    with pytest.raises(UnsupportedFormat, match="schema is damaged"):
        read(content.replace(b'"types"', b'"typ{s"'), tmp_path)
    with pytest.raises(UnsupportedFormat, match="yardl's binary format"):
        read(content[:5] + b"\x02" + content[6:], tmp_path)
    with pytest.raises(UnsupportedFormat, match="yardl data, but no PETSIRD"):
        read(content.replace(b'"PETSIRD"', b'"MRD"'), tmp_path)
    with pytest.raises(TruncatedFile, match="inside its schema, which begins at byte 11"):
        read(content[: len(content) // 2], tmp_path)
    with pytest.raises(TruncatedFile, match=r"inside its header.*nothing to keep"):
        read(content[: len(PROTOCOL) + 400], tmp_path)


def test_a_length_in_the_header_that_is_damaged_costs_no_memory(tmp_path: Path) -> None:
    content, _ = petsird_bytes(petsird_pairs(3))
    at = content.index(np.linspace(-90, 90, 10, dtype=np.float32).tobytes()) - 1
    assert content[at] == 10
    damaged = content[:at] + b"\xff\xff\xff\xff\x7f" + content[at + 1 :]
    tracemalloc.start()
    with pytest.raises(DataError, match="header"):
        read(damaged, tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "scan.petsird"
    peaks = []
    for events in (20_000, 80_000):
        path.write_bytes(petsird_bytes(petsird_pairs(events, events))[0])
        source = open_events(path)
        tracemalloc.start()
        assert sum(map(len, source.chunks(2000))) == events
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] + 100_000


def test_the_missing_package_is_named_with_the_line_that_installs_it(tmp_path: Path) -> None:
    (tmp_path / "scan.petsird").write_bytes(petsird_bytes(petsird_pairs(3))[0])
    done = run_bare("inspect", "scan.petsird", folder=tmp_path)
    assert done.returncode == 3
    assert "petsird is needed" in done.stderr
    assert "pip install 'pulsefront[petsird]'" in done.stderr


def test_the_example_of_petsird_itself_is_read(tmp_path: Path) -> None:
    """Its generator writes the lists of the second type of modules twice."""
    made = petsird_pairs(1)
    pairs = made[0].value.prompt_events[0][0]
    mixed = petsird.CoincidenceEvent(detection_bins=[7, 9], tof_idx=2)
    row = [[mixed], pairs]
    made[0].value.prompt_events = [[pairs], row, row]
    with pytest.warns(DataWarning, match="left out: 2 coincidences of types of modules"):
        table = read(petsird_bytes(made, petsird_scanner(TYPES))[0], tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert as_tuples(table) == [row for row in by_petsird(petsird_bytes(
            made, petsird_scanner(TYPES))[0]) if row[1] < 2]  # fmt: skip
