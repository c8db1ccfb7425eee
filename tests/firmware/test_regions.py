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
from pulsefront.firmware.onnx.exact import build_onnx, run_onnx, write_onnx
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


@pytest.mark.parametrize(
    "target", ["qonnx", "hls4ml", "hls4ml_quartus", "rtl", "rtl_unrolled", "rtl_unrolled_vhdl"]
)
def test_what_has_no_regions_says_so_before_anything_is_written(
    tmp_path: Path, model: FixedPointModel, target: str
) -> None:
    if target.startswith("rtl_unrolled"):
        pytest.importorskip("alkaid")
    with pytest.raises(UnsupportedLayer, match=r"largest_index is not written.*onnx or c99"):
        export_model(model, tmp_path / "out", targets=(target,))
    assert not (tmp_path / "out").exists()
