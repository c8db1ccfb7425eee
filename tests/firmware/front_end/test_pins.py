"""The module around a front end through which it is placed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import ExportError
from pulsefront.firmware.front_end.chains import AnyChain, chain_of
from pulsefront.firmware.front_end.pins import write_behind_pins
from pulsefront.firmware.front_end.write import write_chain
from toys_front_end import block_chain, block_net, small_chain, window_net
from toys_rtl import lint, needs_verilator

WINDOW = tuple(range(-3, 4))
CHAINS = {
    "timing": lambda: chain_of(window_net(7), small_chain(window_samples=WINDOW)),
    "position": lambda: chain_of(block_net(8), block_chain()),
    "position, not normalised": lambda: chain_of(block_net(8), block_chain(normalised_sum=None)),
}


def behind_pins(chain: AnyChain, folder: Path) -> str:
    stream = np.full(64, 20)
    write_chain(chain, folder, stream, chain.run(stream))
    return write_behind_pins(folder, f"{chain.layout.model.name}_front_end")


@needs_verilator
@pytest.mark.parametrize("kind", CHAINS)
def test_verilator_has_nothing_to_say_of_a_front_end(kind: str, tmp_path: Path) -> None:
    chain = CHAINS[kind]()
    behind_pins(chain, tmp_path)
    top = f"{chain.layout.model.name}_front_end"
    assert lint(tmp_path, chain.layout.model, top) == ""
    assert lint(tmp_path, chain.layout.model, f"{top}_axis") == ""


@needs_verilator
@pytest.mark.parametrize("kind", CHAINS)
def test_every_port_is_connected_at_its_width(kind: str, tmp_path: Path) -> None:
    chain = CHAINS[kind]()
    name = behind_pins(chain, tmp_path)
    told = lint(tmp_path, chain.layout.model, name)
    assert [line for line in told.splitlines() if f"{name}.v" in line] == []


def test_a_record_is_read_out_whole(tmp_path: Path) -> None:
    chain = CHAINS["position"]()
    text = (tmp_path / f"{behind_pins(chain, tmp_path)}.v").read_text()
    bits = sum(one.bits for one in chain.layout.fields)
    assert f"reg [{bits - 1}:0] record;" in text


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net_front_end.v").write_text("module net_front_end (\n    input wire clk\n);\n")
    with pytest.raises(ExportError, match="no top module of a front end"):
        write_behind_pins(tmp_path, "net_front_end")
