"""C99 beside emlearn's for a network of the same shape: bytes and instructions on a Cortex-M4.

emlearn computes in float32 and ours in integers; the weights are drawn, for neither size nor
instructions depend on them. Both are built with -Os and run with the same harness.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest

from pulsefront.files import firmware_export_directory
from pulsefront.firmware.c99.execute import CortexM4, built
from pulsefront.firmware.c99.write import write_c99
from strategies_fixed_point import random_inputs
from toys_c99 import instructions
from toys_firmware import mlp

emlearn = pytest.importorskip("emlearn", reason="absent: pip install emlearn")
pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(
        not (shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm")),
        reason="absent: apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm",
    ),
]
SIZES = (64, 32, 16, 4)
VECTORS = 200
EVENTS = """
#include "net.h"
#include "events.h"
int main(void)
{
    static float x[64];
    unsigned ticks = 0, start;
    int label;
    *(volatile unsigned *)0xe000ed88 |= 0xf << 20; /* the floating-point unit on */
    while (events_get(x, sizeof x)) {
        start = events_clock();
        label = net_predict(x, 64);
        ticks += (start - events_clock()) & 0xffffffU;
        events_put(&label, sizeof label);
    }
    events_end(ticks);
    return 0;
}
"""


def flash_bytes(elf) -> int:
    """Return code and constants of a whole program."""
    text = subprocess.run(
        ["arm-none-eabi-size", elf.name], cwd=elf.parent, capture_output=True, text=True, check=True
    ).stdout
    return int(text.splitlines()[1].split()[0])


def of_emlearn(folder, fpu: bool) -> tuple[int, float]:
    from sklearn.neural_network import MLPClassifier

    rng = np.random.default_rng(0)
    network = MLPClassifier(SIZES[1:-1], activation="relu", max_iter=1, tol=1e9)
    labels = rng.integers(0, SIZES[-1], 400)
    network.fit(rng.normal(size=(400, SIZES[0])), labels)
    emlearn.convert(network, method="inline", dtype="float").save(
        file=str(folder / "net.h"), name="net"
    )
    for name in ("events.h", "cortex_m4.c", "cortex_m4.ld"):
        shutil.copy(firmware_export_directory() / "testbench" / "c99" / name, folder)
    (folder / "events.c").write_text(EVENTS)
    flags = ["-std=c99", "-Os", "-mcpu=cortex-m4", "-mthumb", "-w", f"-I{emlearn.includedir}"]
    flags += ["-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"] if fpu else ["-mfloat-abi=soft"]
    flags += ["-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"]
    link = ["-nostartfiles", "--specs=nosys.specs", "-T", "cortex_m4.ld", "events.c", "cortex_m4.c"]
    subprocess.run(
        ["arm-none-eabi-gcc", *flags, *link, "-lm", "-o", "run.elf"], cwd=folder, check=True
    )
    inputs = rng.normal(size=(VECTORS, SIZES[0])).astype("<f4")
    program = CortexM4(mlp(*SIZES), folder)
    found = np.frombuffer(program.through(inputs.tobytes()), dtype="<i4")
    assert np.mean(found == network.predict(inputs)) > 0.98  # it is the network that was trained
    return flash_bytes(folder / "run.elf"), instructions(program, VECTORS)


def test_bytes_and_instructions_of_a_64_32_16_4_network(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # emlearn leaves a folder where it is called
    model = mlp(*SIZES)
    write_c99(model, tmp_path / "c99")
    inputs = random_inputs(model, VECTORS, 1)
    with built(CortexM4, tmp_path / "c99", model) as program:
        found = program.run(inputs)
        ours = flash_bytes(program.folder / "run.elf"), instructions(program, VECTORS)
    (name,) = model.outputs
    np.testing.assert_array_equal(found[name], model.emulator.run(inputs)[name])
    rows = {"pulsefront, integers": ours}
    for fpu in (True, False):
        (tmp_path / f"eml{fpu}").mkdir()
        label = f"emlearn, float32 {'with' if fpu else 'without'} FPU"
        rows[label] = of_emlearn(tmp_path / f"eml{fpu}", fpu)
    lines = [f"{'network 64-32-16-4':32} {'flash bytes':>12} {'instructions':>13}"]
    lines += [f"{label:32} {size:12,} {count:13,.0f}" for label, (size, count) in rows.items()]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert ours[0] < min(size for size, _ in list(rows.values())[1:])
    assert ours[1] < min(count for _, count in list(rows.values())[1:])
