"""What a function built for the Cortex-M4 takes: bytes by gcc's size, instructions by QEMU."""

from __future__ import annotations

import subprocess

import numpy as np

from pulsefront.firmware.c99.execute import CortexM4

CLOCKS_PER_TICK = 40
"""QEMU's mps2-an386 counts SysTick at 25 MHz; with ``-icount shift=0`` an instruction is 1 ns."""

KINDS = {".text": "code", ".rodata": "constants", ".data": "variables", ".bss": "variables"}


def size_bytes(program: CortexM4) -> dict[str, int]:
    """Return the bytes of code, constants and variables of the function by itself."""
    command = ["arm-none-eabi-size", "-A", "function.o"]
    text = subprocess.run(
        command, cwd=program.folder, capture_output=True, text=True, check=True
    ).stdout
    found = dict.fromkeys(KINDS.values(), 0)
    for line in text.splitlines():
        for beginning, kind in KINDS.items():
            if line.startswith(beginning):
                found[kind] += int(line.split()[1])
    return found


def instructions(program: CortexM4, vectors: int) -> float:
    """Return the instructions of one call, the mean over the *vectors* of the last run."""
    ticks = np.frombuffer((program.folder / "ticks.bin").read_bytes(), dtype="<u4")[0]
    return float(ticks) * CLOCKS_PER_TICK / vectors
