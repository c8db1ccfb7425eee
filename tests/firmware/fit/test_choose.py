"""Which design fits a part at a rate and a latency, and what is said where none does."""

from __future__ import annotations

import pytest

from pulsefront.errors import BudgetError, ConfigError
from pulsefront.files import firmware_export_directory
from pulsefront.firmware.board import load_board
from pulsefront.firmware.fit import ROUTES, Choice, Fit, fit, fit_table
from pulsefront.firmware.fit.choose import FIT_BOARDS
from pulsefront.firmware.fit.design import quantity
from pulsefront.firmware.fit.verilog import plan_of
from pulsefront.firmware.rtl.time_shared.plan import plan
from pulsefront.fixed_point.resources import estimate_resources
from toys_rtl import position_like, timing_like

SHIPPED = sorted(one.stem for one in (firmware_export_directory() / "boards").glob("*.toml"))


def by_route(choice: Choice) -> dict[str, Choice]:
    return {one.strategy: one for one in (choice, *choice.others)}


def test_a_large_network_is_time_shared_and_meets_the_rate():
    for rate in (1e4, 2e5, 1e6):
        found = fit(position_like(), "ecp5_85", rate)
        assert found.fits
        assert found.strategy == "time-shared"
        assert found.events_per_second >= rate
        design = plan(position_like(), found.design.multipliers)
        assert design.interval_cycles == found.design.interval_cycles
        assert found.design.origin == "estimated"


def test_a_rate_beyond_one_element_a_clock_is_unrolled():
    found = fit(timing_like(), "arty_a7_100", 1e8)
    assert found.fits
    assert found.strategy == "unrolled"
    assert found.design.interval_cycles == 1
    assert not found.design.multipliers


def test_every_route_is_tried_on_a_part_that_all_are_written_for():
    found = fit(timing_like(), "arty_a7_100", 1e6)
    assert set(by_route(found)) == set(ROUTES)
    assert not found.left_out
    # The others follow in the order of their worth.
    worths = [one.worth for one in (found, *found.others)]
    assert worths == sorted(worths)


@pytest.mark.parametrize("board", SHIPPED)
def test_every_shipped_part_has_a_choice(board):
    found = fit(timing_like(), board, 1e5)
    assert found.fits or board == "ice40_up5k"
    assert found.demand.label == board


def test_hls4ml_is_left_out_for_parts_that_it_is_not_written_for():
    found = fit(timing_like(), "ecp5_25", 1e6)
    assert set(found.left_out) == {"hls4ml Latency", "hls4ml Resource"}
    assert "lattice" in found.left_out["hls4ml Latency"]
    with pytest.raises(ConfigError, match="by any route: hls4ml Latency"):
        fit(timing_like(), "ecp5_25", 1e6, routes=["hls4ml Latency"])


def test_a_part_that_yosys_does_not_know_is_left_to_hls4ml():
    found = fit(timing_like(), "arria10_gx", 1e6)
    assert set(found.left_out) == {"unrolled", "time-shared"}
    assert found.strategy.startswith("hls4ml")


@pytest.mark.parametrize("strategy", ["Latency", "Resource"])
def test_reuse_factors_are_the_largest_that_keep_the_rate(strategy):
    model = position_like()
    found = fit(model, "zcu102", 2e6, routes=[f"hls4ml {strategy}"])
    reuse = found.design.reuse_factors
    cycles = found.demand.cycles
    assert cycles == 100
    assert set(reuse) == {"dense0", "dense1", "dense2"}
    assert found.design.interval_cycles <= cycles
    again = estimate_resources(model, strategy=strategy, reuse_factor=reuse, clock_period_ns=5.0)
    assert found.design.used["lut"] == again.lut
    # Twice the reuse of any layer would be too slow, or is no reuse factor of hls4ml's.
    assert all(cycles / 2 < factor <= cycles for factor in reuse.values())


def test_more_rate_takes_more_of_the_part():
    found = [fit(position_like(), "ecp5_85", rate).design.used["lut"] for rate in (1e4, 1e5, 1e6)]
    assert found[0] < found[1] < found[2]


def test_a_faster_clock_takes_fewer_multipliers():
    slow, fast = (
        sum(fit(position_like(), "ecp5_85", 5e5, clock_mhz=clock).design.multipliers.values())
        for clock in (80, 160)
    )
    assert fast < slow


def test_a_shorter_latency_takes_more_multipliers_than_the_rate_alone():
    model, routes = position_like(), ["time-shared"]
    easy = fit(model, "ecp5_85", 1e4, routes=routes)
    hurried = fit(model, "ecp5_85", 1e4, latency_ns=easy.latency_ns / 4, routes=routes)
    assert hurried.fits
    assert hurried.latency_ns <= easy.latency_ns / 4
    assert sum(hurried.design.multipliers.values()) > sum(easy.design.multipliers.values())


def test_a_latency_that_nothing_keeps_is_told_with_the_nearest():
    found = fit_table(timing_like(), ["ecp5_85"], [1e5], latency_ns=20)
    (choice,) = found.choices
    assert not choice.fits
    assert choice.limit == "latency"
    assert "allow" in choice.cut
    with pytest.raises(BudgetError) as caught:
        found.raise_on_failure()
    assert (caught.value.budget, caught.value.limit) == ("latency_ns", 20)
    assert caught.value.best == choice.latency_ns


def test_less_room_than_the_part_is_kept():
    whole = fit(position_like(), "ecp5_85", 1e6)
    used = whole.design.used["lut"]
    tight = fit(position_like(), "ecp5_85", 1e6, limits={"lut": used - 1, "dsp": 0})
    assert not tight.fits
    assert tight.demand.room["lut"] == used - 1
    assert fit(position_like(), "ecp5_85", 1e6, limits={"lut": 10**9}).shares == whole.shares


def test_what_is_missing_is_named_with_the_nearest_and_a_rate_that_fits():
    model = position_like()
    found = fit_table(model, ["ecp5_25"], [1e7])
    (choice,) = found.choices
    assert not choice.fits
    with pytest.raises(BudgetError) as caught:
        found.raise_on_failure()
    assert "multiplications" in choice.cut
    assert caught.value.remedy == choice.cut
    highest = choice.cut.rpartition("lower the rate to ")[2].removesuffix(" events/s")
    number, letter = highest.split()
    rate = float(number) * {"M": 1e6, "k": 1e3}[letter]
    assert fit(model, "ecp5_25", 0.99 * rate).fits
    assert not fit(model, "ecp5_25", 1.02 * rate).fits


def test_a_rate_that_no_choice_reaches_names_the_layer_and_the_clock():
    choice = fit(position_like(), "ice40_up5k", 1e6, routes=["time-shared"])
    assert choice.limit.startswith(("rate", "LUT"))
    only = fit(position_like(), "zcu102", 4e6, routes=["time-shared"])
    assert only.limit == "rate: layer dense0 with 64 multipliers"
    # Of the designs that are as slow, the one with the least of the part.
    assert only.design.dsp_multipliers > 0
    assert "raise the clock from 200 to" in only.cut
    assert "dense0" in only.reason


def test_a_rate_above_the_clock_is_told_as_that():
    choice = fit(timing_like(), "ecp5_85", 1.5e8)
    assert not choice.fits
    assert choice.limit == "rate: one event a clock"
    assert choice.reason == "no design takes more than one event a clock, 100 MHz"
    assert choice.cut.startswith("raise the clock to 150 MHz; or lower the rate to 100 M")


def test_where_the_rate_is_above_the_clock_nothing_else_is_said_to_be_cut():
    """Unrolled it would need four times the part, too: no cut makes it as fast."""
    choice = fit(position_like(), "ecp5_25", 2e8)
    assert choice.shortfalls["lut"] > choice.shortfalls["rate"]
    assert choice.reason == "no design takes more than one event a clock, 100 MHz"
    assert choice.cut.startswith("raise the clock to 200 MHz; or lower the rate to ")
    with pytest.raises(BudgetError, match="events_per_second"):
        Fit("position", (choice,)).raise_on_failure()


def test_perhaps_is_explained_where_it_stands_and_nowhere_else():
    model, routes = position_like(), ["time-shared"]
    sure = fit(model, "ecp5_85", 1e5, routes=routes)
    assert "erhaps" not in Fit("position", (sure,)).table()
    room = int(1.1 * sure.design.used["lut"])
    tight = fit(model, "ecp5_85", 1e5, routes=routes, limits={"lut": room})
    table = Fit("position", (sure, tight)).table()
    assert "Perhaps: it fits by its estimate, but would not if" in " ".join(table.split())


def test_dsp_blocks_come_first_up_to_half_of_the_part():
    model, routes = position_like(), ["time-shared"]
    found = fit(model, "ecp5_85", 1e6, routes=routes)
    assert found.shares["dsp"] == 0.5
    assert found.design.dsp_multipliers < sum(found.design.multipliers.values())
    without = fit(model, "ecp5_85", 1e6, routes=routes, limits={"dsp": 0})
    assert found.shares["lut"] < 0.7 * without.shares["lut"]
    # A part with blocks for all multipliers has none of look-up tables.
    easy = fit(model, "ecp5_85", 1e5, routes=routes)
    assert easy.design.dsp_multipliers == sum(easy.design.multipliers.values())


def test_beyond_half_of_the_part_dsp_blocks_and_look_up_tables_are_as_scarce():
    model, routes = position_like(), ["time-shared"]
    used = fit(model, "ecp5_85", 1e6, routes=routes, limits={"dsp": 0}).design.used["lut"]
    shares = fit(model, "ecp5_85", 1e6, routes=routes, limits={"lut": used * 8 // 10}).shares
    assert shares["dsp"] > 0.5
    assert shares["dsp"] == pytest.approx(shares["lut"], abs=0.03)


def test_what_fits_by_less_than_the_range_of_the_estimate_is_told():
    model, routes = position_like(), ["time-shared"]
    room = int(
        1.1 * fit(model, "ecp5_85", 1e6, routes=routes, limits={"dsp": 0}).design.used["lut"]
    )
    tight = fit_table(model, ["ecp5_85"], [1e6], routes=routes).choices[0]
    assert tight.worst_share < 1
    tight = fit(model, "ecp5_85", 1e6, routes=routes, limits={"lut": room, "dsp": 0})
    assert tight.fits
    assert tight.worst_share == pytest.approx(1.3 / 1.1, abs=0.01)
    assert f"with 91 % of the {room:,} LUTs allowed, up to 118 % within the range" in str(tight)
    assert "perhaps" in Fit("position", (tight,)).table()


def test_a_rate_is_written_with_three_digits():
    assert [quantity(rate) for rate in (999.4, 999_960, 1.5e6, 62_500, 12)] == [
        "999",
        "1 M",
        "1.5 M",
        "62.5 k",
        "12",
    ]


def test_the_table_has_a_row_for_each_part_and_rate():
    found = fit_table(timing_like())
    assert len(found.choices) == 3 * len(FIT_BOARDS)
    found.raise_on_failure()
    lines = found.table().splitlines()
    rows = [line for line in lines if line.startswith(FIT_BOARDS)]
    assert len(rows) == len(found.choices)
    assert all(line.endswith("estimated") for line in rows)
    assert found.to_json()["choices"][0]["board"] == "ice40_up5k"


def test_the_table_of_one_choice_shows_every_route_and_how_to_write_the_best():
    text = fit_table(timing_like(), ["ecp5_25"], [1e6]).table()
    assert "unrolled" in text
    assert "hls4ml Latency is left out" in text
    options = "--board ecp5_25 --target rtl --multipliers dense0="
    assert f"pulsefront export MODEL --out DIR {options}" in text
    assert "fits Lattice ECP5-25 (LFE5U-25F) at 1 M events/s with" in text


def test_a_part_that_no_route_builds_for_leaves_the_others_alone():
    found = fit_table(timing_like(), ["ice40_up5k", "zcu102"], [1e5], routes=["hls4ml Latency"])
    assert [one.demand.label for one in found.choices] == ["zcu102"]
    assert "ice40_up5k is not in the table, for no route builds for it" in found.table()
    assert "not written for parts of lattice" in found.to_json()["unbuilt"]["ice40_up5k"]
    with pytest.raises(ConfigError, match="by any route"):
        fit_table(timing_like(), ["ice40_up5k"], [1e5], routes=["hls4ml Latency"])


@pytest.mark.parametrize("asked", [([], [1e5]), (["ecp5_25"], [])])
def test_a_table_of_nothing_is_refused(asked):
    with pytest.raises(ConfigError, match="names nothing to choose for"):
        fit_table(timing_like(), *asked)


def test_the_register_behind_a_multiplier_is_chosen_for_parts_whose_blocks_do_not_add():
    ecp5, artix = (fit(timing_like(), board, 1e6) for board in ("ecp5_25", "arty_a7_35"))
    assert (ecp5.design.registers_behind, artix.design.registers_behind) == (1, 0)
    assert plan_of(timing_like(), ecp5.design).latency_cycles == ecp5.design.latency_cycles
    assert ecp5.export_options[:2] == ("--board", "ecp5_25")


def test_a_part_that_is_not_known_is_refused():
    unknown = load_board("ecp5_25").model_copy(update={"lut": 0, "sources": {}})
    with pytest.raises(ConfigError, match="is not known"):
        fit(timing_like(), unknown, 1e6)
    for asked in ({"rate_hz": 0}, {"rate_hz": 1, "latency_ns": -1}, {"rate_hz": float("nan")}):
        with pytest.raises(ConfigError, match="not positive"):
            fit(timing_like(), "ecp5_25", **asked)
