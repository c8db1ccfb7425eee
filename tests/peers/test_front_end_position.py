"""Ten thousand events of 64 charges through the Verilog of a position chain."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pulsefront.firmware.front_end.golden import made_charges
from pulsefront.firmware.front_end.position.chain import PositionChain
from pulsefront.firmware.front_end.simulate import FrontEndRun
from pulsefront.firmware.front_end.write import write_chain
from toys_front_end import block_chain, block_net
from toys_rtl import INSTALLED

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("verilator" not in INSTALLED, reason="verilator is not installed"),
]


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("normalised", [True, False])
def test_ten_thousand_events(normalised: bool, folded: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    chosen = block_chain(
        adc_bits=12, channels=64, gains=tuple(rng.uniform(0.7, 1.4, 64).tolist()),
        sum_range=(4000, 20000), normalised_sum=8000 if normalised else None,
        **({"fold": "square", "grid": (8, 8), "drop_bits": 2} if folded else {}),
    )  # fmt: skip
    chain = PositionChain(block_net(64, bits=12), chosen)
    charges = made_charges(chosen, events=10_000, seed=12)
    write_chain(chain, tmp_path, charges.reshape(-1), chain.run(charges))
    with FrontEndRun(tmp_path, "block_front_end_tb", "verilator") as run:
        log = run.check()
    sys.stdout.write(f"\n{log}")
