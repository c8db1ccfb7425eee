from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pulsefront.cli.main import app
from pulsefront.errors import ConfigError, DataError
from pulsefront.events import store
from pulsefront.events.container import EventTable, Status
from pulsefront.events.external import ExternalData, load_external
from pulsefront.events.ingest import ingest, open_sources
from pulsefront.events.readers.base import DataWarning
from pulsefront.events.readers.digitizers.petsys import FORMATS
from pulsefront.events.readers.open import open_events
from pulsefront.measured.groups import GroupSummary, write_group_charges

RECORD = FORMATS["petsys-group"]["hit"].base
Hit = tuple[int, int, float]  # delay in ps, channel, energy


def records(groups: list[list[Hit]], step_ps: int = 10**8) -> np.ndarray:
    """Return the records of groups, each of which begins a step after the one before."""
    made = [
        (len(hits), number, step_ps * (index + 1) + delay, energy, channel)
        for index, hits in enumerate(groups)
        for number, (delay, channel, energy) in enumerate(hits)
    ]
    return np.array(made, RECORD)


def written(
    folder: Path, hits: np.ndarray, channels: tuple[int, ...] = (), **how: float
) -> tuple[EventTable, GroupSummary]:
    path = folder / "run.ldat"
    path.write_bytes(hits.tobytes())
    source = open_events(path, format_name="petsys-group")
    found = write_group_charges(source, folder / "c.h5", channels, **how)
    return store.read(folder / "c.h5"), found


def detector(events: int = 400, seed: int = 3) -> np.ndarray:
    """Return the hits of a detector of 16 channels, 100 to 115, of which some fire."""
    random = np.random.default_rng(seed)
    groups = []
    for _ in range(events):
        fired = random.permutation(16)[: random.integers(1, 17)]
        groups.append(
            [(int(random.integers(0, 9000)), 100 + int(c), float(random.random())) for c in fired]
        )
    return records(groups)


def test_charges_are_those_of_a_few_lines_of_numpy(tmp_path: Path) -> None:
    hits = detector()
    table, found = written(tmp_path, hits)
    group = np.cumsum(hits["hit"] == 0) - 1
    expected = np.zeros((group[-1] + 1, 16), np.float32)
    expected[group, hits["channel"] - 100] = hits["energy"]
    np.testing.assert_array_equal(table["charge_adc"], expected)
    first = np.minimum.reduceat(hits["time"], np.flatnonzero(hits["hit"] == 0))
    np.testing.assert_array_equal(table["time_ps"], first)
    delay = np.full(expected.shape, -1)
    delay[group, hits["channel"] - 100] = hits["time"] - first[group]
    np.testing.assert_array_equal(table["hit_delay_ps"], delay)
    assert (table.status == 0).all()
    assert found.channels == tuple(range(100, 116))
    assert (found.events, found.hits, found.hits_elsewhere) == (400, len(hits), 0)
    assert table.provenance["channels"] == list(range(100, 116))


GROUPS = st.lists(
    st.lists(
        st.tuples(st.integers(0, 9000), st.integers(7, 12), st.integers(1, 1000).map(float)),
        min_size=1,
        max_size=9,
    ),
    min_size=1,
    max_size=12,
)


@given(groups=GROUPS, chunk=st.integers(1, 40), data=st.data())
@settings(max_examples=25, deadline=None)
@pytest.mark.filterwarnings("ignore:.*no hit at all:pulsefront.events.readers.base.DataWarning")
def test_no_charge_is_lost_and_the_order_of_hits_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory,
    groups: list[list[Hit]],
    chunk: int,
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("groups")
    channels = tuple(data.draw(st.permutations(range(7, 12))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pulsefront.measured.groups.ROOM_BYTES", 0)
        patch.setattr("pulsefront.measured.groups.LEAST_ROWS", chunk)
        try:
            table, found = written(folder, records(groups), channels)
        except DataError as error:
            assert "no hit in any" in str(error)  # noqa: PT017
            assert all(channel == 12 for hits in groups for _, channel, _ in hits)
            return
        shuffled = [data.draw(st.permutations(hits)) for hits in groups]
        again, _ = written(folder, records(shuffled), channels)
    inside = [[hit for hit in hits if hit[1] != 12] for hits in groups]
    sums = [sum(energy for _, _, energy in hits) for hits in inside if hits]
    np.testing.assert_array_equal(table["charge_adc"].sum(axis=1), sums)
    elsewhere = sum(channel == 12 for hits in groups for _, channel, _ in hits)
    assert found.hits_elsewhere == elsewhere
    assert found.groups_elsewhere == sum(not hits for hits in inside)
    for hits, row, status in zip(
        [hits for hits in groups if any(hit[1] != 12 for hit in hits)],
        table["charge_adc"],
        table.status,
        strict=True,
    ):
        for column, channel in enumerate(channels):
            assert row[column] == sum(energy for _, c, energy in hits if c == channel)
        fired = [channel for _, channel, _ in hits if channel != 12]
        assert bool(status & Status.PILE_UP) == (len(set(fired)) < len(fired))
        assert bool(status & Status.TRUNCATED) == any(channel == 12 for _, channel, _ in hits)
        assert not status & ~(Status.PILE_UP | Status.TRUNCATED)
    for name, column in table.columns.items():
        np.testing.assert_array_equal(column, again[name], err_msg=name)
    np.testing.assert_array_equal(table.status, again.status)


def test_a_group_with_missing_records_is_one_flagged_event(tmp_path: Path) -> None:
    groups = [[(10 * n, n, 100.0 + n) for n in range(5)] for _ in range(30)]
    hits = np.delete(records(groups), [12, 13, 45])  # the middle of group 2, the start of group 9
    table, _ = written(tmp_path, hits)
    assert len(table) == 30
    assert np.flatnonzero(table.status).tolist() == [2, 9]
    assert (table.status[[2, 9]] == Status.MISSING_CHANNEL).all()
    assert table["charge_adc"][2].tolist() == [100, 101, 0, 0, 104]
    assert table["hit_delay_ps"][9].tolist() == [-1, 0, 10, 20, 30]


def test_groups_in_which_few_channels_fired_are_flagged_on_request(tmp_path: Path) -> None:
    groups = [[(0, n, 1.0) for n in range(size)] for size in (1, 2, 3, 2, 3)]
    table, _ = written(tmp_path, records(groups), least_channels=3)
    flags = [0 if size == 3 else int(Status.MISSING_CHANNEL) for size in (1, 2, 3, 2, 3)]
    assert table.status.tolist() == flags


def test_saturation_is_found_where_energies_pile_up_or_given(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    energies = np.minimum(random.normal(80, 20, (3000, 2)), [110.0, 1e9]).astype(np.float32)
    groups = [[(0, 0, float(a)), (5, 1, float(b))] for a, b in energies]
    table, found = written(tmp_path, records(groups))
    assert found.saturation == {0: pytest.approx(110)}
    np.testing.assert_array_equal(table.status != 0, energies[:, 0] == 110)
    assert set(np.unique(table.status)) == {0, Status.SATURATED}
    table, found = written(tmp_path, records(groups), saturation=100)
    np.testing.assert_array_equal(table.status != 0, (energies >= 100).any(axis=1))


def test_a_damaged_record_is_left_out_and_counted(tmp_path: Path) -> None:
    hits = records([[(10 * n, n, 100.0 + n) for n in range(4)] for _ in range(30)])
    hits["energy"][21] = np.nan
    table, found = written(tmp_path, hits)
    assert found.damaged == 1
    assert np.flatnonzero(table.status).tolist() == [5]
    assert table["charge_adc"][5].tolist() == [100, 0, 102, 103]


def test_channels_without_a_hit_are_said_and_none_with_one_is_an_error(tmp_path: Path) -> None:
    hits = detector(50)
    with pytest.warns(DataWarning, match="no hit at all in 2 of 4 channels: 7, 8"):
        table, _ = written(tmp_path, hits, (100, 7, 101, 8))
    assert not table["charge_adc"][:, [1, 3]].any()
    with pytest.raises(ConfigError, match="names a channel twice"):
        written(tmp_path, hits, (100, 101, 100))
    with pytest.raises(DataError, match="no hit in any of the channels"):
        written(tmp_path, hits, (1, 2))


def test_channels_of_a_whole_scanner_have_to_be_named(tmp_path: Path) -> None:
    groups = [[(0, 2 * n, 1.0), (1, 2 * n + 1, 1.0)] for n in range(700)]
    with pytest.raises(DataError, match=r"1,400 channels.*--channels"):
        written(tmp_path, records(groups))
    assert not (tmp_path / "c.h5").exists()


def test_hits_that_were_ingested_before_give_the_same(tmp_path: Path) -> None:
    table, _ = written(tmp_path, detector())
    ingest([tmp_path / "run.ldat"], tmp_path / "hits.h5", format_name="petsys-group")
    write_group_charges(open_sources([tmp_path / "hits.h5"]), tmp_path / "again.h5")
    again = store.read(tmp_path / "again.h5")
    for name in table.columns:
        np.testing.assert_array_equal(table[name], again[name], err_msg=name)


def test_a_manifest_of_groups_is_the_set_of_a_position_study(tmp_path: Path) -> None:
    scans = []
    for number in range(3):
        (tmp_path / f"{number}.ldat").write_bytes(detector(40, seed=number).tobytes())
        scans.append(
            f'[[scan]]\nfiles = ["{number}.ldat"]\nstage_position_mm = [{number}.0, 0.0]\n'
            f'source = "na22"\nrun = "r{number}"\ndetector_id = "a"\nstage_uncertainty_mm = 0.1\n'
            "duration_s = 1.0\n"
        )
    (tmp_path / "scans.toml").write_text(
        'kind = "position"\nformat = "petsys-group"\n' + "\n".join(scans)
    )
    arguments = ["charges", "scans.toml", "--channels", "100-115", "--out", "set.h5"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert "120 groups, 16 channels; 120 without flags" in result.output
    table = store.read(tmp_path / "set.h5")
    assert table["charge_adc"].shape == (120, 16)
    np.testing.assert_array_equal(table["stage_position_mm"][:, 0], np.repeat([0, 1, 2], 40))
    measured = load_external(ExternalData(path=tmp_path / "set.h5"), "position", channels=16)
    np.testing.assert_array_equal(measured["charge_adc"], table["charge_adc"])
    with pytest.raises(DataError, match="pulsefront charges"):
        load_external(ExternalData(path=tmp_path / "scans.toml"), "position", channels=16)
