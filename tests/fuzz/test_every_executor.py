"""Random models exported whole, and every executor of the export on the same vectors.

With PULSEFRONT_FUZZ_SECONDS set, as by ``make fuzz``, fifty models: emulator, ONNX Runtime,
hls4ml's C simulation, C on the host and on an emulated Cortex-M4, time-shared Verilog by its bench
and by CXXRTL, unrolled Verilog and VHDL, and the gates that yosys makes. Each takes a minute or
two: none runs by default. An executor whose tool is absent is named and fails nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pulsefront.errors import ToolMissing
from pulsefront.firmware import export_model, verify_export
from pulsefront.firmware.rtl.tools import find_tool
from strategies_fixed_point import random_model

pytest.importorskip("alkaid", reason="absent: pip install 'pulsefront[rtl]'")

MODELS = 50 if "PULSEFRONT_FUZZ_SECONDS" in os.environ else 0
FIRST_SEED = int(os.environ.get("PULSEFRONT_FUZZ_SEED", "0"))
DRAWN = 200
TARGETS = ("onnx", "hls4ml", "c99", "rtl", "rtl_unrolled", "rtl_unrolled_vhdl")


def targets() -> tuple[str, ...]:
    try:
        find_tool("yosys")
    except ToolMissing:
        return TARGETS
    return (*TARGETS, "rtl_gates")


@pytest.mark.parametrize("number", range(MODELS))
def test_every_executor_agrees(number: int, tmp_path: Path) -> None:
    seed = FIRST_SEED + 40_000 + number
    model = random_model(seed, narrow=False)
    wraps = [layer.name for layer in model.layers]
    export_model(
        model,
        tmp_path / "out",
        targets=targets(),
        multipliers=1 + number % 4,
        allow_wrap=wraps,
        board=("zcu102", "ecp5_25")[number % 2],
    )
    result = verify_export(tmp_path / "out", drawn=DRAWN, seed=seed)
    told = result.table()
    print(f"\nmodel {number}, seed {seed}\n{told}")  # noqa: T201 - for pytest -s
    assert result.passed, told
    assert {row.backend for row in result.exact_rows} >= {"emulator", "onnxruntime"}
    assert not sum(row.mismatches for row in result.exact_rows)
