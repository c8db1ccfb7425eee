"""Random models through unrolled Verilog and VHDL, all integers compared, extremes included.

By default two models; with PULSEFRONT_FUZZ_SECONDS set, as by ``make fuzz``, fifty: at full
speed, with gaps, on golden vectors with all extremes, and on others.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pulsefront.firmware.rtl.bench.ghdl import GhdlSimulation
from pulsefront.firmware.rtl.bench.simulate import Simulation
from pulsefront.firmware.rtl.language.languages import VERILOG, VHDL
from pulsefront.firmware.rtl.projects.unrolled import write_unrolled
from pulsefront.firmware.vectors import golden_vectors
from strategies_fixed_point import random_inputs, random_model
from toys_rtl import compare_run, needs_ghdl, needs_simulator

pytest.importorskip("alkaid", reason="absent: pip install 'pulsefront[rtl]'")

FULL = "PULSEFRONT_FUZZ_SECONDS" in os.environ
FIRST_SEED = int(os.environ.get("PULSEFRONT_FUZZ_SEED", "0"))
MODELS = 50 if FULL else 1
EVENTS = 1_000 if FULL else 100


@needs_ghdl
@pytest.mark.parametrize("number", range(MODELS))
def test_emulator_and_vhdl_agree(number: int, tmp_path: Path) -> None:
    seed = FIRST_SEED + 30_000 + number
    model = random_model(seed, narrow=False)
    write_unrolled(model, tmp_path, golden_vectors(model), language=VHDL)
    with GhdlSimulation(tmp_path, model) as simulation:
        simulation.check()
        compare_run(simulation, model, random_inputs(model, EVENTS, seed))


@needs_simulator
@pytest.mark.parametrize("number", range(MODELS))
def test_emulator_and_unrolled_verilog_agree(number: int, tmp_path: Path) -> None:
    seed = FIRST_SEED + 30_000 + number
    model = random_model(seed, narrow=False)
    write_unrolled(model, tmp_path, golden_vectors(model), language=VERILOG)
    with Simulation(tmp_path, model) as simulation:
        simulation.check()
        compare_run(simulation, model, random_inputs(model, EVENTS, seed))
