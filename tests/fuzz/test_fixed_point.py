"""Random models of every layer, 1 to 16 bits and all modes, through every executor.

By default a few seconds. With PULSEFRONT_FUZZ_SECONDS set, as by ``make fuzz``: a million vectors
through ONNX Runtime and Python's own integers, and 200 models through hls4ml's C simulation and
through C, on the host and on an emulated Cortex-M4.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from integers_fixed_point import run_integers

from pulsefront.errors import ToolMissing
from pulsefront.firmware.board import load_board
from pulsefront.firmware.c99.execute import CortexM4, Host, Program, built
from pulsefront.firmware.c99.write import write_c99
from pulsefront.firmware.hls4ml.csim import CSimulation
from pulsefront.firmware.hls4ml.project import write_hls4ml
from pulsefront.firmware.onnx.exact import run_onnx, write_onnx
from pulsefront.fixed_point.emulator import chain
from strategies_fixed_point import random_inputs, random_model, side_by_side
from toys_fixed_point import chain_model, inputs_of

FULL = "PULSEFRONT_FUZZ_SECONDS" in os.environ
FIRST_SEED = int(os.environ.get("PULSEFRONT_FUZZ_SEED", "0"))
MODELS_PER_BATCH = 25
EVENTS = 5_000 if FULL else 100
BATCHES = 8 if FULL else 1
PROJECTS = 20 if FULL else 0
MODELS_PER_PROJECT = 10


@pytest.mark.parametrize("batch", range(BATCHES))
def test_emulator_onnxruntime_and_python_integers_agree(batch: int, tmp_path: Path) -> None:
    vectors = 0
    for seed in range(batch * MODELS_PER_BATCH, (batch + 1) * MODELS_PER_BATCH):
        model = random_model(FIRST_SEED + seed, regions=seed % 3 == 2)
        inputs = random_inputs(model, EVENTS, seed)
        found = model.emulator.run(model.input_arrays(inputs))
        write_onnx(model, tmp_path / "net.onnx")
        onnx = run_onnx(tmp_path / "net.onnx", inputs)
        for name, integers in run_integers(model, inputs).items():
            np.testing.assert_array_equal(found[name], integers, err_msg=f"emulator, seed {seed}")
            np.testing.assert_array_equal(onnx[name], integers, err_msg=f"onnx, seed {seed}")
        vectors += EVENTS
    assert vectors == MODELS_PER_BATCH * EVENTS


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize("narrow", [False, True], ids=["float", "narrow"])
def test_compiled_chains_agree_with_python_integers(
    batch: int, narrow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "NARROW_IS_FASTER", narrow)
    taken = 0
    for seed in range(batch * MODELS_PER_BATCH, (batch + 1) * MODELS_PER_BATCH):
        model = chain_model(FIRST_SEED + seed, bits=2 + seed % 11)
        x = inputs_of(model, EVENTS // 5, seed)
        found = model.emulator.run_fast(x)
        assert found is not None
        taken += model.emulator._chain.buffer_type is np.int16
        expected = run_integers(model, {"x": x})[model.outputs[0]]
        np.testing.assert_array_equal(found, expected, err_msg=f"seed {seed}")
    assert (taken > 0) == narrow


@pytest.mark.parametrize("project", range(PROJECTS))
def test_emulator_and_hls4ml_agree(project: int, tmp_path: Path) -> None:
    first = FIRST_SEED + 10_000 + project * MODELS_PER_PROJECT
    models = [random_model(seed, f"net{seed}") for seed in range(first, first + MODELS_PER_PROJECT)]
    model = side_by_side(models)
    inputs = random_inputs(model, 2_000, project)
    write_hls4ml(model, tmp_path / "project", board=load_board())
    with CSimulation(tmp_path / "project", model, optimize=False) as simulation:
        found = simulation.run(inputs)
    for name, integers in model.emulator.run(inputs).items():
        np.testing.assert_array_equal(found[name], integers, err_msg=f"{name}, from {first}")


@pytest.mark.parametrize("kind", [Host, CortexM4])
@pytest.mark.parametrize("project", range(PROJECTS))
def test_emulator_and_c99_agree(project: int, kind: type[Program], tmp_path: Path) -> None:
    first = FIRST_SEED + 20_000 + project * MODELS_PER_PROJECT
    models = [random_model(seed, f"net{seed}") for seed in range(first, first + MODELS_PER_PROJECT)]
    model = side_by_side(models)
    inputs = random_inputs(model, 2_000 if kind is Host else 500, project)
    write_c99(model, tmp_path / "c99")
    try:
        with built(kind, tmp_path / "c99", model) as program:
            found = program.run(inputs)
    except ToolMissing as error:
        pytest.skip(str(error))
    for name, integers in model.emulator.run(inputs).items():
        np.testing.assert_array_equal(found[name], integers, err_msg=name)
