"""A network of regions in every executor: the emulator's integers, of any events and extremes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulsefront.errors import UnsupportedLayer
from pulsefront.firmware.c99.execute import Host, built
from pulsefront.firmware.c99.write import write_c99
from pulsefront.firmware.export import export_model
from pulsefront.firmware.fit.choose import fit
from pulsefront.firmware.onnx.exact import build_onnx, run_onnx, write_onnx
from pulsefront.firmware.rtl.bench.simulate import Simulation
from pulsefront.firmware.verify import verify_export
from pulsefront.fixed_point import (
    Assignment,
    ChosenDense,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    LargestIndex,
    Relu,
)
from strategies_fixed_point import random_inputs, random_model, side_by_side
from toys_front_end import block_chain
from toys_rtl import built as built_rtl
from toys_rtl import compare_run, lint, needs_simulator, needs_verilator

COUNTS, OUTPUT = FixedPointFormat(9, 9), FixedPointFormat(14, 6)
INPUTS, SETS = 5, 4


def network(more_bits: int = 0) -> FixedPointModel:
    """Return a coarse estimate of two numbers, four scores of it, and two layers of each set.

    *more_bits* widens the weights, so that sums need 64-bit integers.
    """
    rng = np.random.default_rng(7)

    def drawn(low: int, high: int, *shape: int) -> Any:
        return rng.integers(low, high, shape, endpoint=True)

    coarse_to = Assignment(FixedPointFormat(6, 6), "RND", "SAT")
    small, width = FixedPointFormat(5, 5), 6 + more_bits
    columns = tuple(FixedPointFormat(width - k % 3, 2 + k % 2) for k in range(6))
    half = [1 << (one.width - 1) for one in columns]
    first = np.stack([drawn(-one, one - 1, SETS, INPUTS) for one in half], axis=-1)
    last = FixedPointFormat(7, 1)
    return FixedPointModel(
        "regions",
        (Input("counts", (INPUTS,), COUNTS),),
        (
            Dense(
                "coarse", ("counts",), drawn(-9, 9, INPUTS, 2), FixedPointFormat(5, 0),
                to=coarse_to,
            ),
            Dense("scores", ("coarse",), drawn(-9, 9, 2, SETS), small, drawn(-9, 9, SETS), small),
            LargestIndex("region", ("scores",)),
            ChosenDense(
                "dense_1", ("counts", "region"), first, columns,
                drawn(-500, 500, SETS, 6), FixedPointFormat(11, 10),
            ),
            Relu("relu_1", ("dense_1",), Assignment(FixedPointFormat(7, 9, False), "RND", "SAT")),
            ChosenDense(
                "dense_2", ("relu_1", "region"), drawn(-64, 63, SETS, 6, 3), last,
                drawn(-99, 99, SETS, 3), FixedPointFormat(8, 4), Assignment(OUTPUT, "RND", "SAT"),
            ),
        ),
        ("dense_2",),
    )  # fmt: skip


@pytest.fixture(scope="module")
def model() -> FixedPointModel:
    return network()


def vectors(count: int) -> dict[str, np.ndarray]:
    """Return whole-range vectors, small ones, whose scores are often equal, and all extremes."""
    rng = np.random.default_rng(1)
    low, high = COUNTS.minimum, COUNTS.maximum
    wide = rng.integers(low, high, (count, INPUTS), endpoint=True)
    small = rng.integers(-9, 9, (count, INPUTS), endpoint=True)
    ends = np.array(np.meshgrid(*[[low, 0, high]] * INPUTS)).reshape(INPUTS, -1).T
    return {"counts": np.concatenate([wide, small, ends])}


def test_every_set_is_taken_and_scores_are_equal_at_times(model: FixedPointModel) -> None:
    given = vectors(2000)
    shown = FixedPointModel("shown", model.inputs, model.layers[:3], ("scores", "region"))
    found = shown.emulator.run(given)
    assert np.bincount(found["region"][:, 0], minlength=SETS).min() > 100
    order = np.sort(found["scores"], axis=1)
    assert (order[:, -1] == order[:, -2]).sum() > 10
    assert len(np.unique(model.run(given["counts"]))) > 500


@pytest.mark.parametrize("more_bits", [0, 22, 40])
def test_onnx_and_c_give_the_same_integers(tmp_path: Path, more_bits: int) -> None:
    model = network(more_bits)
    given = vectors(3000)
    wanted = model.emulator.run(given)["dense_2"]
    write_onnx(model, tmp_path / "net.onnx")
    np.testing.assert_array_equal(run_onnx(tmp_path / "net.onnx", given)["dense_2"], wanted)
    write_c99(model, tmp_path / "c99")
    with built(Host, tmp_path / "c99", model) as program:
        np.testing.assert_array_equal(program.run(given)["dense_2"], wanted)


def test_a_batch_in_onnx_copies_no_matrix_for_every_event(model: FixedPointModel) -> None:
    operators = {node.op_type for node in build_onnx(model).graph.node}
    assert {"ArgMax", "GatherND", "MatMul"} <= operators
    assert "Gather" not in operators


@needs_simulator
@pytest.mark.parametrize("multipliers", [2, 6])
def test_time_shared_verilog_gives_the_same_integers_in_the_stated_clocks(
    tmp_path: Path, model: FixedPointModel, multipliers: int
) -> None:
    built_rtl(model, tmp_path, multipliers)
    assert len((tmp_path / "dense_1_weights.hex").read_text().split()) == (
        SETS * INPUTS * -(-6 // multipliers)
    )
    with Simulation(tmp_path, model) as simulation:
        simulation.check()  # the bench asserts interval and latency, with readers that stall
        given = vectors(500)
        wanted = model.emulator.run(given)["dense_2"]
        np.testing.assert_array_equal(simulation.run(given)["dense_2"], wanted)


@needs_simulator
@pytest.mark.parametrize("sets", [1, 3])
def test_events_of_one_element_follow_each_other_at_once(tmp_path: Path, sets: int) -> None:
    """Several events are between the reading of weights and that of biases then."""
    one, few = FixedPointFormat(5, 5), FixedPointFormat(4, 4)
    weights = np.arange(-3, -3 + sets)[:, None, None]
    layers = (
        Dense("scores", ("x",), np.arange(sets)[None] - 1, few, 2 * np.arange(sets) % 3, few),
        LargestIndex("region", ("scores",)),
        ChosenDense("first", ("x", "region"), weights, few, 2 - weights[:, 0], few),
        ChosenDense("last", ("first", "region"), weights + 1, few, weights[:, 0], few),
    )
    model = FixedPointModel("short", (Input("x", (1,), one),), layers, ("last",))
    built_rtl(model, tmp_path, 1)
    with Simulation(tmp_path, model) as simulation:
        simulation.check()
        compare_run(simulation, model, {"x": np.tile(np.arange(-16, 16), 8)[:, None]})


def random_networks(count: int) -> list[FixedPointModel]:
    """Return random networks that take weights by number, of all formats and modes."""
    drawn = (random_model(k, f"m{k}", regions=True, narrow=False) for k in range(6 * count))
    return [m for m in drawn if any(isinstance(one, ChosenDense) for one in m.layers)][:count]


@pytest.mark.slow
@needs_simulator
def test_time_shared_verilog_of_random_networks_gives_the_same_integers(tmp_path: Path) -> None:
    whole = side_by_side(random_networks(10))
    built_rtl(whole, tmp_path, 2)
    with Simulation(tmp_path, whole) as simulation:
        simulation.check()
        compare_run(simulation, whole, random_inputs(whole, 150, 5))


@pytest.mark.slow
@needs_simulator
def test_a_front_end_takes_a_network_of_regions(tmp_path: Path) -> None:
    net = network()
    port = Input("counts", (INPUTS,), FixedPointFormat(10, 10, signed=False))
    block = FixedPointModel("block", (port,), net.layers, net.outputs)
    chain = block_chain(channels=INPUTS)
    export_model(block, tmp_path / "out", targets=("front_end",), front_end=chain)
    found = verify_export(tmp_path / "out")
    assert found.passed, found.table()
    assert "front end Verilog" in {row.backend for row in found.exact_rows}


@pytest.mark.slow
def test_hls4ml_gives_the_same_integers(tmp_path: Path, model: FixedPointModel) -> None:
    export_model(model, tmp_path / "out", targets=("onnx", "hls4ml"))
    found = verify_export(tmp_path / "out", drawn=5000, seed=3)
    assert found.passed, found.table()
    assert "hls4ml Vitis" in {row.backend for row in found.exact_rows}


@pytest.mark.slow
def test_hls4ml_of_random_networks_gives_the_same_integers(tmp_path: Path) -> None:
    whole = side_by_side(random_networks(2))
    wraps = [row.layer for row in whole.audit().rows if row.can_wrap]
    export_model(whole, tmp_path / "out", targets=("onnx", "hls4ml"), allow_wrap=wraps)
    found = verify_export(tmp_path / "out", drawn=2000, seed=3)
    assert found.passed, found.table()


@needs_verilator
def test_verilator_has_nothing_to_say_against_it(tmp_path: Path, model: FixedPointModel) -> None:
    built_rtl(model, tmp_path, 2)
    assert lint(tmp_path, model) == ""


def test_a_fit_takes_multipliers_in_turns(model: FixedPointModel) -> None:
    found = fit(model, "ecp5_25", 1e6)
    assert found.design.strategy == "time-shared"
    assert "chosen_dense" in found.left_out["unrolled"] or "largest" in found.left_out["unrolled"]


@pytest.mark.parametrize("target", ["qonnx", "hls4ml_quartus", "rtl_unrolled", "rtl_unrolled_vhdl"])
def test_what_has_no_regions_says_so_before_anything_is_written(
    tmp_path: Path, model: FixedPointModel, target: str
) -> None:
    if target.startswith("rtl_unrolled"):
        pytest.importorskip("alkaid")
    with pytest.raises(
        UnsupportedLayer, match=r"largest_index is not written.*(c99, rtl|use Vitis or Vivado)"
    ):
        export_model(model, tmp_path / "out", targets=(target,))
    assert not (tmp_path / "out").exists()
