"""A network of tables in every executor: the emulator's integers, at random and at the extremes."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import UnsupportedLayer
from pulsefront.firmware.c99.execute import Host, built
from pulsefront.firmware.c99.write import write_c99
from pulsefront.firmware.export import export_model
from pulsefront.firmware.fit.choose import fit
from pulsefront.firmware.onnx.exact import run_onnx, write_onnx
from pulsefront.firmware.rtl.bench.ghdl import GhdlSimulation
from pulsefront.firmware.rtl.bench.simulate import Simulation
from pulsefront.firmware.rtl.language.languages import VHDL
from pulsefront.firmware.rtl.projects.unrolled import write_unrolled
from pulsefront.firmware.verify import verify_export
from pulsefront.fixed_point import FixedPointFormat, FixedPointModel
from toys_rtl import compare_run, needs_ghdl, needs_simulator, vectors_of

COUNTS, OUTPUT = FixedPointFormat(12, 12), FixedPointFormat(16, 6)


@pytest.fixture(scope="module")
def model() -> FixedPointModel:
    """Two sums of three inputs: noise about zero, a steep part, and far from zero."""
    pytest.importorskip("torch")
    from pulsefront.networks.tables.codes import codes_of
    from pulsefront.networks.tables.lower import lower_tables
    from pulsefront.networks.tables.network import TableNetwork
    from pulsefront.networks.tables.settings import TableNetworkSettings

    raw = np.rint(np.random.default_rng(5).normal(0, 1, (3000, 3)) * [2, 30, 60] + [0, 99, 900])
    settings = TableNetworkSettings(sample_bits=5, node_bits=4, output_bits=5)
    codes = codes_of(raw.astype(np.int64), settings.sample_bits, COUNTS)
    network = TableNetwork(settings, codes, 2, np.array([24.0]), seed=9)
    return lower_tables(network, codes, np.zeros(1), 2.0**-6, COUNTS, OUTPUT, name="tables")


def vectors(model: FixedPointModel, count: int) -> dict[str, np.ndarray]:
    """Return whole-range vectors, others as trained on, and all combinations of the extremes."""
    rng = np.random.default_rng(1)
    low, high = COUNTS.minimum, COUNTS.maximum
    near = np.rint(rng.normal(0, 1, (count, 3)) * [2, 30, 60] + [0, 99, 900]).astype(np.int64)
    wide = rng.integers(low, high, (count, 3), endpoint=True)
    ends = np.array(np.meshgrid(*[[low, -1, 0, high]] * 3)).reshape(3, -1).T
    return {"counts": np.concatenate([near, wide, ends])}


def test_what_is_written_is_no_constant(model):
    found = model.run(vectors(model, 1000)["counts"])
    assert len(np.unique(found)) > 20


def test_onnx_and_c_give_the_same_integers(tmp_path, model):
    given = vectors(model, 4000)
    wanted = model.emulator.run(given)["output"]
    write_onnx(model, tmp_path / "net.onnx")
    np.testing.assert_array_equal(run_onnx(tmp_path / "net.onnx", given)["output"], wanted)
    write_c99(model, tmp_path / "c99")
    with built(Host, tmp_path / "c99", model) as program:
        np.testing.assert_array_equal(program.run(given)["output"], wanted)


@needs_simulator
def test_unrolled_verilog_gives_the_same_integers(tmp_path, model):
    pytest.importorskip("alkaid")
    write_unrolled(model, tmp_path, vectors_of(model, 200))
    with Simulation(tmp_path, model) as simulation:
        simulation.check()
        given = vectors(model, 1500)
        wanted = model.emulator.run(given)["output"]
        np.testing.assert_array_equal(simulation.run(given)["output"], wanted)


@needs_ghdl
def test_unrolled_vhdl_gives_the_same_integers(tmp_path, model):
    pytest.importorskip("alkaid")
    write_unrolled(model, tmp_path, vectors_of(model, 300), language=VHDL)
    with GhdlSimulation(tmp_path, model) as simulation:
        compare_run(simulation, model, vectors(model, 600))


@pytest.mark.slow
def test_hls4ml_gives_the_same_integers(tmp_path, model):
    export_model(model, tmp_path / "out", targets=("onnx", "hls4ml"))
    found = verify_export(tmp_path / "out", drawn=5000, seed=3)
    assert found.passed, found.table()
    assert "hls4ml Vitis" in {row.backend for row in found.exact_rows}


@pytest.mark.parametrize("target", ["rtl", "qonnx", "hls4ml_quartus"])
def test_what_has_no_tables_says_so_before_anything_is_written(tmp_path, model, target):
    with pytest.raises(UnsupportedLayer, match=r"leave this target out|rtl_unrolled|use Vitis"):
        export_model(model, tmp_path / "out", targets=(target,))
    assert not (tmp_path / "out").exists()


def test_a_fit_takes_the_unrolled_design(model):
    found = fit(model, "ecp5_25", 1e6)
    assert found.design.strategy == "unrolled"
    assert "not written time-shared" in found.left_out["time-shared"]
