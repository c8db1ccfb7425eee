"""Studies on charges at one sum: the integers of the front end, and none is silently cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.evaluate import Split
from pulsefront.events.container import EventTable, Quantity
from pulsefront.firmware.front_end.position.chain import PositionChain
from pulsefront.studies.folders import RunFolders, SplitEvents
from pulsefront.studies.kinds import kind_of
from pulsefront.studies.kinds.position.kind import PositionKind
from pulsefront.studies.load import load_study
from studies_small import POSITION_CHANGES, small
from toys_front_end import block_chain, block_net


def kind_with(tmp_path: Path, line: str, name: str = "position_lyso_monolithic") -> PositionKind:
    text = small(name, POSITION_CHANGES) if name.startswith("position") else ""
    path = tmp_path / "study.toml"
    path.write_text(text.replace("[events]\n", f"[events]\n{line}\n", 1))
    return kind_of(load_study(path)[0])


def table(charges: np.ndarray) -> EventTable:
    return EventTable({"charge_adc": charges}, {"charge_adc": Quantity("ADC counts", "charge")})


def charges_of_everything() -> np.ndarray:
    rng = np.random.default_rng(4)
    spots = rng.poisson(rng.uniform(0, 400, (3000, 64)))
    hostile = [np.zeros(64), np.full(64, 4095), np.eye(64)[3], 4095 * np.eye(64)[5]]
    return np.clip(np.concatenate([spots, hostile]), 0, 4095).astype(np.uint16)


def test_the_network_reads_what_the_front_end_gives(tmp_path: Path) -> None:
    kind = kind_with(tmp_path, "normalised_sum = 8192")
    charges = charges_of_everything()
    chain = PositionChain(
        block_net(64, bits=12),
        block_chain(adc_bits=12, channels=64, normalised_sum=8192, sum_range=(1, 1 << 18 - 1)),
    )
    found = kind.network_inputs(table(charges))
    np.testing.assert_array_equal(found, chain.network_inputs(charges))
    assert found.dtype == charges.dtype
    # With a lower end of the sum that is flagged, unflagged events are still the same.
    chosen = block_chain(adc_bits=12, channels=64, normalised_sum=8192, sum_range=(7000, 9000))
    bright = charges.sum(axis=1, dtype=int) >= 7000
    assert 0 < bright.sum() < len(bright)
    behind = PositionChain(block_net(64, bits=12), chosen).network_inputs(charges)
    np.testing.assert_array_equal(found[bright], behind[bright])


def test_without_the_key_charges_are_as_they_are(tmp_path: Path) -> None:
    charges = charges_of_everything()
    kind = kind_with(tmp_path, "")
    np.testing.assert_array_equal(kind.network_inputs(table(charges)), charges)


def test_bits_are_dropped_behind_and_sums_made_before(tmp_path: Path) -> None:
    charges = charges_of_everything()
    dropped = kind_with(tmp_path, "normalised_sum = 8192\ndrop_bits = 2")
    found = dropped.network_inputs(table(charges))
    whole = kind_with(tmp_path, "normalised_sum = 8192").network_inputs(table(charges))
    assert found.max() == 1023
    np.testing.assert_array_equal(found, whole >> 2)
    sums = kind_with(tmp_path, 'normalised_sum = 16384\ninputs = "row_column_sums"')
    rows = sums.network_inputs(table(charges))
    # Half of all inputs are rows: each half holds the whole light, and so half of the sum.
    bright = charges.sum(axis=1) > 5000
    assert np.abs(rows[bright, :8].sum(axis=1).astype(int) - 8192).max() <= 8


def test_a_sum_that_cuts_charges_is_refused(tmp_path: Path) -> None:
    kind = kind_with(tmp_path, "normalised_sum = 4000000")
    charges = charges_of_everything()[:500]
    more = {
        "stage_position_mm": np.zeros((500, 2)),
        "depth_mm": np.zeros(500),
        "grid_index": np.zeros((500, 2), int),
    }
    events = table(charges).with_columns(more, {name: Quantity("mm", name) for name in more})
    every = np.arange(500)
    parts = SplitEvents(events, Split(every, every, every, {}))
    with pytest.raises(DataError, match=r"beyond 12 bits in 100.0 % of the events") as caught:
        kind.learning_task(parts, RunFolders(tmp_path))
    assert caught.value.field == "events.normalised_sum"
