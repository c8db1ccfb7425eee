"""Random models of every layer and mode through time-shared Verilog, all integers compared.

By default four models; with PULSEFRONT_FUZZ_SECONDS set, as by ``make fuzz``, fifty, each at a
number of multipliers of its own, at full speed, with gaps, and on vectors beyond the golden ones.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pulsefront.firmware.rtl.bench.simulate import Simulation
from strategies_fixed_point import random_model
from toys_rtl import built, compare_simulation, needs_simulator

FULL = "PULSEFRONT_FUZZ_SECONDS" in os.environ
FIRST_SEED = int(os.environ.get("PULSEFRONT_FUZZ_SEED", "0"))
MODELS = 50 if FULL else 4
EVENTS = 1_000 if FULL else 100


@needs_simulator
@pytest.mark.parametrize("number", range(MODELS))
def test_emulator_and_verilog_agree(number: int, tmp_path: Path) -> None:
    seed = FIRST_SEED + 20_000 + number
    model = random_model(seed, regions=number % 2 == 1)
    built(model, tmp_path, 1 + number % 7, events=EVENTS)
    with Simulation(tmp_path, model) as simulation:
        simulation.check()
    compare_simulation(model, tmp_path, EVENTS, seed=seed)
