"""Names: those that a project cannot have are refused, all others compile, test bench included."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import ExportError
from pulsefront.firmware import export_model, verify_export
from pulsefront.firmware.checksums import write_checksums
from pulsefront.firmware.hls4ml.names import refuse_names
from pulsefront.fixed_point import Dense, FixedPointFormat, FixedPointModel, Input
from toys_firmware import small_model

ALLOWED = """
vectors different i got compared value open max dense relu exp y1 size pack text line results
name data weights bias file port_i raw_i main_ Net layer config output nx
"""

TAKEN = """
NULL EOF errno and_eq xor_eq not_eq or_eq bitand bitor compl wchar_t char16_t thread_local
static_assert constexpr EXIT_FAILURE HUGE_VAL INFINITY M_PI stdin DIV_ROUNDUP BUFSIZ RAND_MAX
std hls nnet ap_fixed
"""


def named(inputs: list[str], layers: list[str], model: str = "net") -> FixedPointModel:
    sources = tuple(Input(name, (2,), FixedPointFormat(6, 6)) for name in inputs)
    weights = np.array([[1, -2], [3, 4]])
    made = tuple(
        Dense(name, (sources[k % len(sources)].name,), weights, FixedPointFormat(4, 4))
        for k, name in enumerate(layers)
    )
    return FixedPointModel(model, sources, made, tuple(layers))


def test_names_that_the_bench_or_hls4ml_use_compile_and_run(tmp_path):
    names = ALLOWED.split()
    model = named(names[::2], names[1::2], "vectors_")
    export_model(model, tmp_path / "out", targets=["hls4ml"])
    verify_export(tmp_path / "out").raise_on_failure()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("different", marks=pytest.mark.slow),
        pytest.param("vectors", marks=pytest.mark.slow),
        pytest.param("i", marks=pytest.mark.slow),
    ],
)
def test_a_model_may_have_the_name_of_what_the_bench_counts(tmp_path, name):
    export_model(named(["a"], ["b"], name), tmp_path / "out", targets=["hls4ml"])
    verify_export(tmp_path / "out").raise_on_failure()


@pytest.mark.parametrize(
    "name",
    TAKEN.split(),
)
def test_words_and_macros_are_refused_as_layer_input_and_model(name):
    for model in (
        named(["a"], [name]),
        named([name], ["b"]),
        named(["a"], ["b"], name),
    ):
        with pytest.raises(ExportError, match=rf"'{name}' is .*; use another name"):
            refuse_names(model)


@pytest.mark.parametrize("name", ["std", "strategy", "defines", "parameters", "size_t", "weights"])
def test_models_with_the_name_of_a_neighbour_are_refused_and_nothing_is_written(tmp_path, name):
    with pytest.raises(ExportError, match=f"'{name}' is .*; use another name"):
        export_model(small_model(name), tmp_path / "out", targets=["hls4ml"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["w2", "b2", "layer2_out", "config2", "dense_t", "net_hls"])
def test_an_input_that_would_hide_a_name_of_hls4ml_is_refused(tmp_path, name):
    with pytest.raises(ExportError, match=f"'{name}' is .*; use another name"):
        export_model(named([name], ["dense"]), tmp_path / "out", targets=["hls4ml"])
    assert list(tmp_path.iterdir()) == []


def test_a_bench_that_does_not_compile_or_pass_is_an_error_of_verify(tmp_path):
    export_model(small_model(), tmp_path / "out", targets=["hls4ml"])
    bench = tmp_path / "out" / "hls4ml_vitis" / "tiny_test.cpp"
    text = bench.read_text()
    for damaged, problem in (
        (text.replace("int main() {", "int main() { int NULL = 3;"), "does not pass: .*error"),
        (text.replace("got == raw_", "got + 1 == raw_"), r"does not pass: FAIL: vector 0"),
    ):
        bench.write_text(damaged)
        write_checksums(tmp_path / "out")
        result = verify_export(tmp_path / "out")
        assert result.broken_backends.keys() == {"test bench Vitis"}
        with pytest.raises(ExportError, match=problem):
            result.raise_on_failure()
