"""C99: the emulator's integers on the host and on an emulated Cortex-M4, without a warning."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest

from pulsefront.errors import ExportError, ToolMissing
from pulsefront.firmware import export_model, verify_export
from pulsefront.firmware.c99.execute import CortexM4, Host, built
from pulsefront.firmware.c99.write import write_c99
from pulsefront.firmware.checksums import write_checksums
from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Overflow,
    Quantize,
    Rounding,
)
from strategies_fixed_point import random_inputs, random_model, side_by_side
from toys_c99 import instructions, size_bytes
from toys_firmware import mlp, small_model

CORTEX = pytest.mark.skipif(
    not (shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm")),
    reason="absent: apt-get install gcc-arm-none-eabi qemu-system-arm",
)


def check(model, folder, events: int, kind=Host) -> None:
    write_c99(model, folder)
    inputs = random_inputs(model, events, 1)
    expected = model.emulator.run(inputs)
    with built(kind, folder, model) as program:
        found = program.run(inputs)
    for name, integers in expected.items():
        np.testing.assert_array_equal(found[name], integers, err_msg=name)


def test_sixty_random_models_give_the_same_integers(tmp_path):
    # Unconnected in one file: one compilation for all of them.
    model = side_by_side([random_model(seed, f"net{seed}", most=3) for seed in range(200, 260)])
    check(model, tmp_path / "c99", 2000)


def every_mode(width: int, fraction: int) -> FixedPointModel:
    """Return a model that assigns one input under every rounding and overflow."""
    source = Input("x", (9,), FixedPointFormat(width, width - fraction))
    layers = tuple(
        Quantize(
            f"{rounding}_{overflow}".lower(),
            ("x",),
            Assignment(FixedPointFormat(4, 4, signed=signed), rounding, overflow),
        )
        for rounding in Rounding
        for overflow in Overflow
        for signed in [overflow != "SAT"]
    )
    return FixedPointModel("modes", (source,), layers, tuple(one.name for one in layers))


@pytest.mark.parametrize(
    ("width", "fraction"),
    [(9, 3), (9, 0), (6, -2), (29, 25), (31, 28), (40, 36), (62, 61), (8, 62)],
)
def test_every_rounding_and_overflow_in_32_and_64_bits(tmp_path, width, fraction):
    model = every_mode(width, fraction)
    write_c99(model, tmp_path / "c99")
    low, high = model.inputs[0].format.minimum, model.inputs[0].format.maximum
    rng = np.random.default_rng(0)
    near = rng.integers(-(1 << min(6, width - 1)), 1 << min(6, width - 1), (300, 9))
    steps = np.clip(near << max(min(fraction, width - 5) - 1, 0), low, high)
    inputs = {"x": np.concatenate([rng.integers(low, high, (300, 9), endpoint=True), steps])}
    expected = model.emulator.run(inputs)
    with built(Host, tmp_path / "c99", model) as program:
        found = program.run(inputs)
    for name, integers in expected.items():
        np.testing.assert_array_equal(found[name], integers, err_msg=name)


@CORTEX
def test_a_cortex_m4_gives_the_same_integers_and_tells_size_and_instructions(tmp_path):
    model = mlp(16, 8, 4)
    write_c99(model, tmp_path / "c99")
    inputs = random_inputs(model, 500, 1)
    expected = model.emulator.run(inputs)
    with built(CortexM4, tmp_path / "c99", model) as program:
        assert isinstance(program, CortexM4)
        found = program.run(inputs)
        size, steps = size_bytes(program), instructions(program, 500)
    np.testing.assert_array_equal(found["dense1"], expected["dense1"])
    assert size["variables"] == 0
    weights = 16 * 8 + 8 * 4
    assert weights <= size["constants"] < weights + 64
    assert 100 < size["code"] < 1500
    assert 2 * weights < steps < 20 * weights


@CORTEX
def test_random_models_give_the_same_integers_on_a_cortex_m4(tmp_path):
    model = side_by_side([random_model(seed, f"net{seed}", most=3) for seed in range(300, 320)])
    check(model, tmp_path / "c99", 200, CortexM4)


def test_an_export_has_it_and_its_test_bench_fails_on_one_wrong_integer(tmp_path):
    folder = tmp_path / "out"
    export_model(small_model(), folder, targets=["c99"])
    result = verify_export(folder)
    result.raise_on_failure()
    assert {"emulator", "C host"} <= {row.backend for row in result.exact_rows}
    assert "`tiny_run`, C99" in (folder / "README.md").read_text()
    command = ["bash", str(folder / "c99" / "run_testbench.sh")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout.split(":")[0]) == (0, "PASS"), done.stderr
    path = folder / "vectors" / "expected_position.txt"
    first, second = path.read_text().split(maxsplit=1)
    path.write_text(f"{int(first) + 1} {second}")
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert f"FAIL: vector 0, position[0]: expected {int(first) + 1}, got {first}" in done.stdout


def test_a_changed_weight_or_a_file_that_does_not_compile_is_found_by_verify(tmp_path):
    folder = tmp_path / "out"
    export_model(small_model(), folder, targets=["c99"])
    source = folder / "c99" / "tiny.c"
    text = source.read_text()
    source.write_text(re.sub(r"weights_hidden\[24\] = \{\n    14", r"\g<0> - 1", text))
    write_checksums(folder)
    assert any(row.mismatches for row in verify_export(folder).rows if row.backend == "C host")
    source.write_text(text.replace("int i, k;", "int i, k, unused;"))
    write_checksums(folder)
    with pytest.raises(ExportError, match=r"C host cannot run: gcc fails: .*unused"):
        verify_export(folder).raise_on_failure()


def test_it_has_integers_alone_and_depends_on_nothing(tmp_path):
    model = side_by_side([random_model(seed, f"net{seed}", most=3) for seed in range(200, 230)])
    write_c99(model, tmp_path / "c99")
    text = (tmp_path / "c99" / "many.c").read_text() + (tmp_path / "c99" / "many.h").read_text()
    assert re.findall(r"#include [<\"](.*)[>\"]", text) == ["many.h", "stdint.h"]
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    assert not re.search(r"\b(float|double|malloc|memcpy)\b|\d\.\d", code)


def test_names_of_layers_and_models_meet_no_name_of_c(tmp_path):
    weights = np.array([[1, -2], [3, 4]])
    names = ["int", "i", "k", "sum", "x", "from", "to", "while", "main_run", "weights_i", "NULL"]
    source = Input("in", (2,), FixedPointFormat(6, 6))
    layers = tuple(Dense(name, ("in",), weights, FixedPointFormat(4, 4)) for name in names)
    check(FixedPointModel("main", (source,), layers, tuple(names)), tmp_path / "c99", 50)


def test_absent_tools_are_named_and_the_host_is_compared_all_the_same(tmp_path, monkeypatch):
    export_model(small_model(), tmp_path / "out", targets=["c99"])
    which = shutil.which
    monkeypatch.setattr(
        "shutil.which", lambda name: None if name.startswith(("arm", "qemu")) else which(name)
    )
    result = verify_export(tmp_path / "out")
    assert result.passed
    status = {row.backend: row.status for row in result.rows}
    assert status["C host"] == "equal"
    assert "apt-get install gcc-arm-none-eabi" in status["C Cortex-M4"]
    monkeypatch.setattr("shutil.which", lambda name: None)
    with (
        pytest.raises(ToolMissing, match="gcc is needed"),
        built(Host, tmp_path / "out" / "c99", small_model()),
    ):
        pass
