"""Two exports in one program, linked statically or as shared objects: each gives its own."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from pulsefront.firmware.board import load_board
from pulsefront.firmware.hls4ml.project import write_hls4ml
from pulsefront.fixed_point import FixedPointModel
from toys_firmware import mlp, small_model

# All inputs at 5; the outputs as raw integers, which both models give in steps of 2^-4 or 2^3.
PROGRAM = """
#include "first/firmware/{first}.h"
#include "second/firmware/{second}.h"
#include <cstdio>
int main() {{
    {first}_hls::input_t x[6];
    {second}_hls::input_t y[6];
    for (int k = 0; k < 6; k++) {{ x[k] = 5 + k; y[k] = 5 + k; }}
    {first}_hls::result_t a[2];
    {second}_hls::result_t b[2];
    {first}(x, a);
    {second}(y, b);
    std::printf("%g %g %g %g\\n", a[0].to_double(), a[1].to_double(), b[0].to_double(),
                b[1].to_double());
}}
"""
FLAGS = ["-O1", "-std=c++11", "-w", "-fPIC", "-I.", "-Ifirst/firmware/ap_types"]


def other(name: str) -> FixedPointModel:
    """Return the small model with other weights in the same layers, shapes and names."""
    model = small_model(name)
    first, act, last = model.layers
    first = type(first)(
        first.name, first.inputs, -first.weights - 1, first.weight_format, first.bias,
        first.bias_format,
    )  # fmt: skip
    return FixedPointModel(name, model.inputs, (first, act, last), model.outputs)


@pytest.mark.parametrize(
    "shared",
    [pytest.param(False, marks=pytest.mark.slow), True],
    ids=["static", "shared"],
)
def test_two_models_in_one_program_each_give_their_own_integers(tmp_path, shared):
    models = {"first": small_model("one"), "second": other("two")}
    for folder, model in models.items():
        write_hls4ml(model, tmp_path / folder, board=load_board())

    def gcc(*arguments: str) -> None:
        subprocess.run(["g++", *FLAGS, *arguments], cwd=tmp_path, check=True)

    for folder, model in models.items():
        weights = f'-DWEIGHTS_DIR="{tmp_path}/{folder}/firmware/weights"'
        source = f"{folder}/firmware/{model.name}.cpp"
        if shared:
            gcc(weights, "-shared", source, "-o", f"lib{folder}.so")
        else:
            gcc(weights, "-c", source, "-o", f"{folder}.o")
    (tmp_path / "main.cpp").write_text(PROGRAM.format(first="one", second="two"))
    parts = ["-L.", "-lfirst", "-lsecond", "-Wl,-rpath,."] if shared else ["first.o", "second.o"]
    gcc("main.cpp", *parts, "-o", "program")
    done = subprocess.run(["./program"], cwd=tmp_path, capture_output=True, text=True, check=True)
    x = 5 + np.arange(6)[None]
    expected = [
        model.tensors["position"].format.values(model.emulator.run({"adc": x})["position"])[0]
        for model in models.values()
    ]
    assert not np.array_equal(*expected)
    assert done.stdout.split() == [f"{value:g}" for value in np.concatenate(expected)]


def test_every_name_of_a_project_is_in_the_models_namespace_but_the_top_function(tmp_path):
    write_hls4ml(mlp(6, 4, 2), tmp_path / "p", board=load_board())
    for path in (tmp_path / "p" / "firmware" / "weights").glob("*.h"):
        assert "namespace mlp_hls {" in path.read_text()
    firmware = tmp_path / "p" / "firmware"
    assert "void mlp(\n    mlp_hls::input_t x[6]" in (firmware / "mlp.h").read_text()
    assert "using namespace mlp_hls;" in (firmware / "mlp.cpp").read_text()
    assert "#define MLP_DEFINES_H_" in (firmware / "defines.h").read_text()
