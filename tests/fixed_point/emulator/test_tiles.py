"""The register tiles on processors with other registers: the same integers."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from toys_fixed_point import chain_model, inputs_of

WITHOUT_WIDE_REGISTERS = """
import sys
import llvmlite.binding
import numpy as np

llvmlite.binding.get_host_cpu_features = lambda: {}
from pulsefront.fixed_point import FixedPointModel
from pulsefront.fixed_point.emulator import chain, tile_code

assert (tile_code.ROWS, tile_code.VECTORS) == (3, 1)
assert not tile_code.NARROW_IS_FASTER
chain.NARROW_IS_FASTER = sys.argv[4] == "narrow"
model = FixedPointModel.load(sys.argv[1])
for events in (1, 2, 3, 4, 200):
    found = model.emulator.run_fast(np.load(sys.argv[2])[:events])
    assert (model.emulator._chain.buffer_type is np.int16) == (sys.argv[4] == "narrow")
    assert found is not None
    np.save(f"{sys.argv[3]}{events}.npy", found)
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names processors of this family")
@pytest.mark.parametrize(
    ("processor", "bits", "kernel"),
    [("haswell", 5, "float"), ("x86-64", 20, "float"), ("haswell", 5, "narrow")],
)
def test_a_processor_without_wide_registers_gives_the_same_integers(
    tmp_path, processor, bits, kernel
):
    model = chain_model(4, bits=bits, sizes=(11, 37, 18, 3))
    x = inputs_of(model, 200)
    model.save(tmp_path / "model.json")
    np.save(tmp_path / "x.npy", x)
    environment = os.environ | {
        "NUMBA_CPU_NAME": processor,
        "NUMBA_CPU_FEATURES": "+avx2,+fma" if processor == "haswell" else "",
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
    }
    files = [str(tmp_path / name) for name in ("model.json", "x.npy", "found")]
    command = [sys.executable, "-c", WITHOUT_WIDE_REGISTERS, *files, kernel]
    subprocess.run(command, env=environment, check=True)
    for events in (1, 2, 3, 4, 200):
        found = np.load(tmp_path / f"found{events}.npy")
        np.testing.assert_array_equal(found, model.run(x[:events]))
