"""The position chain: its integers in fractions, its error proved, its Verilog to the bit."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pulsefront.errors import ConfigError, DataError, ExportError
from pulsefront.firmware.export import export_model
from pulsefront.firmware.front_end.golden import made_charges
from pulsefront.firmware.front_end.position.chain import PositionChain
from pulsefront.firmware.front_end.record.flags import Flag
from pulsefront.firmware.front_end.simulate import FrontEndRun
from pulsefront.firmware.front_end.statement import read_statement
from pulsefront.firmware.front_end.write import write_chain
from pulsefront.firmware.verify import verify_export
from pulsefront.fixed_point.fold import Mirrors
from pulsefront.fixed_point.preparation import ChargePreparation
from toys_front_end import block_chain, block_net, window_net
from toys_rtl import needs_simulator

BENCH = "block_front_end_tb"
GAINS = (0.9, 1.0, 1.1, 1.25, 0.5, 2.0, 1.001, 0.0)


def chain_of(*, bits: int = 10, signed: bool = False, **changed) -> PositionChain:
    chosen = block_chain(**changed)
    read = chosen.network_channels or range(chosen.channels)
    return PositionChain(block_net(len(read), bits=bits, signed=signed), chosen)


charges_of = st.lists(
    st.lists(st.one_of(st.integers(0, 511), st.sampled_from([0, 1, 511])), min_size=8, max_size=8),
    min_size=1, max_size=6,
).map(np.array)  # fmt: skip


OFFSETS = (0, 1, -1, 20, -300, 511, 3, -511)


@settings(max_examples=80)
@given(
    charges_of,
    st.sampled_from([None, 1, 600, 5000]),
    st.sampled_from([None, GAINS]),
    st.sampled_from([None, OFFSETS, (0,) * 8]),
)
def test_every_step_is_what_fractions_say(charges, total, gains, offsets) -> None:
    chain = chain_of(normalised_sum=total, gains=gains, offsets_adc=offsets)
    layout = chain.layout
    records, values = chain.run(charges), chain.network_inputs(charges)
    for event, row in enumerate(charges.tolist()):
        steps = [floor(Fraction(g) * 1024 + Fraction(1, 2)) for g in gains or [1] * 8]
        corrected = [
            floor(Fraction(max(x - o, 0) * g, 1024) + Fraction(1, 2))
            for x, g, o in zip(row, steps, offsets or [0] * 8, strict=True)
        ]
        assert max(corrected) < 1 << layout.charge_bits
        whole = sum(corrected)
        assert records["energy"][event] == whole
        assert records["channels"][event] == sum(one >= 20 for one in corrected)
        flags = records["flags"][event]
        assert bool(flags & Flag.ENERGY) == (not 300 <= whole <= 900)
        assert bool(flags & Flag.FEW_CHANNELS) == (sum(one >= 20 for one in corrected) < 2)
        assert bool(flags & Flag.SATURATED) == (max(row) == 511)
        assert bool(flags & Flag.NO_DECISION) == bool(flags & 0b1111100)
        if total is None:
            expected = corrected
        else:
            shift = layout.normalisation.shift
            most = (1 << layout.normalisation.reciprocal_bits) - 1
            factor = min(floor(Fraction(total << shift, whole)), most) if whole else most
            half = Fraction(1, 2)
            expected = [floor(Fraction(one * factor, 1 << shift) + half) for one in corrected]
        assert values[event].tolist() == [min(one, 1023) for one in expected]


@settings(max_examples=200)
@given(
    st.lists(st.integers(0, 511), min_size=8, max_size=8).filter(lambda row: sum(row) >= 300),
    st.integers(1, 1000),
)
def test_a_normalised_charge_is_off_by_less_than_three_quarters(row, total) -> None:
    """Half a count of rounding, and less than a quarter of the reciprocal: at most the next one."""
    values = chain_of(normalised_sum=total, bits=11).network_inputs(np.array([row]))[0]
    for charge, value in zip(row, values.tolist(), strict=True):
        assert abs(Fraction(charge * total, sum(row)) - value) < Fraction(3, 4)


def test_events_in_parts_are_numbered_on() -> None:
    chain = chain_of()
    charges = made_charges(chain.layout.settings)
    whole = chain.run(charges)
    chain.restart()
    parts = [chain.feed(part) for part in np.array_split(charges, 7)]
    for name, values in whole.columns.items():
        np.testing.assert_array_equal(np.concatenate([one[name] for one in parts]), values)
    flat = chain.run(charges.reshape(-1))
    np.testing.assert_array_equal(flat["energy"], whole["energy"])


def test_a_common_loss_of_light_changes_nothing_beyond_rounding() -> None:
    chain = chain_of()
    charges = np.array([[100, 200, 50, 80, 40, 20, 8, 2]])
    dimmer = charges * 4 // 5
    found = [chain.network_inputs(one)[0] for one in (charges, dimmer)]
    assert np.abs(found[0] - found[1]).max() <= 2


CASES = {
    "plain": {},
    "gains": {"gains": GAINS, "gain_fraction_bits": 8},
    "gains and offsets": {"gains": GAINS, "offsets_adc": OFFSETS},
    "no offset": {"offsets_adc": (0,) * 8},
    "no normalisation": {"normalised_sum": None, "gains": GAINS},
    "some channels": {"network_channels": (0, 3, 4, 7)},
    "one channel": {"network_channels": (5,)},
    "a narrow input": {"bits": 5, "signed": True},
    "from the sum of one": {"sum_range": (1, 4000), "channel_adc": 0},
    "shared multipliers": {"interval_clocks": 40},
    "outputs in a range": {"output_range": ((-1.0, 1.0), (-5.0, 9.0), (0.0, 2.0))},
    "the error of two": {"error_output": True, "largest_error": 1.0, "fold": "rectangle",
                         "grid": (4, 2), "output_range": ((-1.0, 1.0), (-5.0, 9.0))},
    "seven channels": {"channels": 7, "gain_fraction_bits": 0},
    "no lowest bits": {"drop_bits": 2, "bits": 8},
    "mirrored": {"fold": "rectangle", "grid": (4, 2), "gains": GAINS},
    "mirrored, not normalised": {"fold": "rectangle", "grid": (2, 4), "normalised_sum": None},
    "square": {"channels": 16, "fold": "square", "grid": (4, 4), "drop_bits": 1},
    "square, odd": {"channels": 9, "fold": "square", "grid": (3, 3), "network_channels": (2, 5)},
    "a row": {"channels": 5, "fold": "rectangle", "grid": (5, 1), "normalised_sum": None},
}  # fmt: skip


@needs_simulator
@pytest.mark.parametrize("changed", CASES.values(), ids=CASES)
def test_the_verilog_gives_the_emulator_s_records(changed, tmp_path: Path) -> None:
    chain = chain_of(**changed)
    charges = made_charges(chain.layout.settings, events=40)
    write_chain(chain, tmp_path, charges.reshape(-1), chain.run(charges))
    with FrontEndRun(tmp_path, BENCH) as run:
        run.check()


FOLDED = {"channels": 16, "fold": "square", "grid": (4, 4)}


def test_a_folded_chain_is_the_study_s_preparation_and_its_answer_turned_back() -> None:
    chain = chain_of(**FOLDED, drop_bits=2, bits=8, sum_range=(1, 1 << 13))
    charges = np.random.default_rng(2).integers(0, 512, (3000, 16))
    mirrors = Mirrors(4, 4)
    turns = mirrors.turns(charges)
    # Each of the eight turns is there often.
    assert np.unique(turns @ [1, 2, 4], return_counts=True)[1].min() > 200
    prepared = ChargePreparation(9, chain.layout.settings.normalised_sum, mirrors, 2)
    np.testing.assert_array_equal(chain.network_inputs(charges), prepared.apply(charges))
    raw = np.asarray(chain._model.run(prepared.apply(charges)))
    records, form = chain.run(charges), chain.layout.limits.format
    found = np.column_stack([records[f"shift_{axis}"] for axis in range(3)])
    np.testing.assert_array_equal(found, np.minimum(mirrors.back(raw, turns), form.maximum))


def test_a_mirrored_block_gives_the_mirrored_record() -> None:
    chain = chain_of(**FOLDED)
    charges = np.random.default_rng(3).integers(0, 512, (500, 16))
    turned = charges.reshape(-1, 4, 4)[:, :, ::-1].reshape(-1, 16)
    before, after = (chain.run(one) for one in (charges, turned))
    highest = chain.layout.limits.format.maximum
    np.testing.assert_array_equal(after["shift_0"], np.minimum(-before["shift_0"], highest))
    for same in ("energy", "channels", "shift_1", "shift_2"):
        np.testing.assert_array_equal(after[same], before[same])


def test_a_fold_needs_its_grid_and_two_signed_outputs() -> None:
    with pytest.raises(ValidationError, match="columns and rows of 8 channels"):
        block_chain(fold="rectangle")
    with pytest.raises(ValidationError, match="as many columns as rows"):
        block_chain(fold="square", grid=(4, 2))
    with pytest.raises(ValidationError, match="channels = 8 and a grid of 3 columns and 3 rows"):
        block_chain(fold="square", grid=(3, 3))
    chosen = block_chain(fold="rectangle", grid=(4, 2))
    with pytest.raises(ExportError, match="x and y"):
        PositionChain(window_net(8), chosen)


def test_more_multipliers_than_any_layer_has_outputs_are_refused() -> None:
    assert chain_of(multipliers=5).layout.design.matrices["hidden"].lanes == 5
    with pytest.raises(ExportError, match="no layer of block has more than 5 outputs") as caught:
        chain_of(multipliers=6)
    assert caught.value.remedy == "give at most 5, or leave it out"
    with pytest.raises(ValidationError, match="less than or equal to 1024"):
        block_chain(multipliers=5000)


WRONG = {
    "a gain": ("gains.hex", "400", "420"),
    "the rounding": ("pf_normalise.v", "product + HALF", "product"),
    "the division": ("pf_reciprocal.v", "DIVIDEND_BITS - 1;", "DIVIDEND_BITS - 2;"),
    "a limit": ("block_front_end.v", "> 13'd900", "> 13'd901"),
    "a record": ("tb_data/records.hex", "f", "e"),
}


WRONG_TURNS = {
    "a mirror": ("pf_turn.v", "left <= x < 0", "left <= x > 0"),
    "a weight": ("pf_turn.v", "(ROWS + 1)", "(ROWS + 2)"),
    "the diagonal": ("pf_turn.v", "far_y > far_x", "far_y < far_x"),
    "the order": ("pf_turned.v", "turn[0] ?", "turn[1] ?"),
    "the way back": ("pf_unturn.v", "turn[2] ? second : first", "turn[2] ? first : second"),
}


@needs_simulator
@pytest.mark.parametrize(("file", "old", "new"), WRONG_TURNS.values(), ids=WRONG_TURNS)
def test_the_bench_of_a_folded_chain_fails_on(file, old, new, tmp_path: Path) -> None:
    chain = chain_of(**FOLDED)
    charges = made_charges(chain.layout.settings, events=40)
    write_chain(chain, tmp_path, charges.reshape(-1), chain.run(charges))
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new))
    with FrontEndRun(tmp_path, BENCH) as run, pytest.raises(ExportError, match="FAIL"):
        run.check()


@needs_simulator
@pytest.mark.parametrize(("file", "old", "new"), WRONG.values(), ids=WRONG)
def test_the_bench_fails_on(file, old, new, tmp_path: Path) -> None:
    chain = chain_of()
    charges = made_charges(chain.layout.settings)
    charges[0] = [400, 101, 100, 100, 100, 100, 0, 0]  # a sum of 901
    write_chain(chain, tmp_path, charges.reshape(-1), chain.run(charges))
    path = tmp_path / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with FrontEndRun(tmp_path, BENCH) as run, pytest.raises(ExportError, match="FAIL"):
        run.check()


@needs_simulator
def test_an_export_is_verified_and_states_its_rate(tmp_path: Path) -> None:
    chosen = block_chain()
    export_model(block_net(8), tmp_path / "out", targets=["front_end"], front_end=chosen)
    rows = {one.backend: one for one in verify_export(tmp_path / "out").rows}
    for name in ("front end emulator", "front end Verilog"):
        assert rows[name].mismatches == 0
        assert rows[name].vectors > 50
    statement = read_statement(tmp_path / "out" / "front_end")
    assert statement.events_per_second == 1e6 * statement.clock_mhz / statement.interval_clocks
    readme = (tmp_path / "out" / "front_end" / "README.md").read_text()
    assert f"| between two events | {statement.interval_clocks} |" in readme


@pytest.mark.parametrize(
    "charges", [np.full((2, 8), 512), np.full((2, 7), 1), np.full((2, 8), 1.0), np.full(9, 1)]
)
def test_charges_that_are_none_are_refused(charges) -> None:
    with pytest.raises(DataError, match="charges"):
        chain_of().run(charges)


def test_settings_that_do_not_fit_the_model_are_refused() -> None:
    with pytest.raises(ExportError, match="reads 8 channels, the chain gives 2"):
        PositionChain(block_net(8), block_chain(network_channels=(0, 1)))
    with pytest.raises(ConfigError, match="no sum of 8 charges"):
        PositionChain(block_net(8), block_chain(sum_range=(1 << 14, 1 << 15)))
    with pytest.raises(ExportError, match="waveforms"):
        export_model(
            block_net(8), "nowhere", targets=["front_end"], front_end=block_chain(),
            waveforms=np.zeros((1, 8), int),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"gains": (1.0,)}, "gains must be 8"),
        ({"offsets_adc": (1,)}, "offsets_adc must be 8"),
        ({"offsets_adc": (0,) * 7 + (512,)}, "offsets_adc must lie within 9 bits"),
        ({"sum_range": (0, 5)}, "sum_range must ascend"),
        ({"network_channels": (1, 0)}, "network_channels must ascend"),
        ({"network_channels": (8,)}, "network_channels must ascend"),
    ],
)
def test_settings_that_cannot_be_are_refused(changed, message) -> None:
    with pytest.raises(ValueError, match=message):
        block_chain(**changed)
