"""Back-ends, strategies and I/O of hls4ml: generated, compared, or refused by name."""

from __future__ import annotations

import pytest

from pulsefront.errors import ConfigError, ExportError, UnsupportedLayer
from pulsefront.firmware import export_model, load_board, verify_export
from pulsefront.firmware.checksums import write_checksums
from pulsefront.firmware.hls4ml.csim import CSimulation
from pulsefront.firmware.hls4ml.project import write_hls4ml
from pulsefront.firmware.hls4ml.refuse import refuse_unwritable
from pulsefront.firmware.hls4ml.settings import HlsSettings
from pulsefront.fixed_point import (
    Assignment,
    Clip,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Relu,
)
from strategies_fixed_point import random_inputs
from toys_firmware import mlp


def test_every_back_end_is_generated_and_its_c_simulation_agrees(tmp_path):
    targets = ["hls4ml_quartus", "hls4ml_oneapi", "hls4ml_catapult"]
    export_model(mlp(6, 4, 2), tmp_path / "out", targets=targets)
    result = verify_export(tmp_path / "out")
    result.raise_on_failure()
    status = {row.backend: row.status for row in result.rows}
    for backend in ("Quartus", "oneAPI", "Catapult"):
        assert status[f"hls4ml {backend}"] == "equal"
    text = (tmp_path / "out" / "README.md").read_text()
    assert "Intel Arria 10" in text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]


def test_a_project_without_a_build_script_is_named_as_not_run(tmp_path):
    export_model(mlp(6, 4, 2), tmp_path / "out", targets=["hls4ml_oneapi"])
    (tmp_path / "out" / "hls4ml_oneapi" / "build_lib.sh").unlink()
    write_checksums(tmp_path / "out")
    result = verify_export(tmp_path / "out")
    status = {row.backend: row.status for row in result.rows}
    assert status["hls4ml oneAPI"].startswith("not run: icpx is needed for a project without")


@pytest.mark.parametrize(
    ("settings", "folder"),
    [
        (HlsSettings("Vivado"), "firmware/mlp.cpp"),
        (HlsSettings("Vitis", "Resource", 4), "firmware/mlp.cpp"),
        (HlsSettings("Vitis", "Latency", 1, "io_stream"), "firmware/mlp.cpp"),
        (HlsSettings("oneAPI"), "src/firmware/mlp.cpp"),
    ],
)
def test_every_precision_is_by_name_in_every_project(tmp_path, settings, folder):
    reuse = write_hls4ml(mlp(8, 4, 2), tmp_path / "p", board=load_board(), settings=settings)
    assert reuse == dict.fromkeys(("dense0", "dense1"), settings.reuse_factor)
    assert (tmp_path / "p" / folder).exists()
    (defines,) = (tmp_path / "p").rglob("defines.h")
    types = [line for line in defines.read_text().splitlines() if line.startswith("typedef")]
    assert not any("auto" in line or "<1,1" in line or "<16,6" in line for line in types)


def test_a_reuse_factor_that_does_not_divide_is_replaced_and_reported(tmp_path):
    settings = HlsSettings("Vitis", "Resource", 3)
    reuse = write_hls4ml(mlp(8, 4, 2), tmp_path / "p", board=load_board(), settings=settings)
    assert all(factor in (2, 4) for factor in reuse.values())


def with_layer(layer) -> FixedPointModel:
    model = mlp(6, 4, 2)
    return FixedPointModel("net", model.inputs, (*model.layers, layer), (layer.name,))


def test_what_a_back_end_cannot_express_names_the_layer():
    clip = with_layer(Clip("limit", ("dense1",), -5, 5))
    refuse_unwritable(clip, HlsSettings("Vitis"))
    for settings in (HlsSettings("Quartus"), HlsSettings("Vitis", io_type="io_stream")):
        with pytest.raises(UnsupportedLayer, match="layer 'limit': clip is not written for"):
            refuse_unwritable(clip, settings)
    formats = (FixedPointFormat(4, 4), FixedPointFormat(5, 5))
    channels = with_layer(Relu("act", ("dense1",), Assignment(formats, "RND", "SAT")))
    with pytest.raises(UnsupportedLayer, match="layer 'act': a format per channel"):
        refuse_unwritable(channels, HlsSettings("Quartus"))


@pytest.mark.parametrize(
    ("settings", "overflow", "fits"),
    [
        (HlsSettings("Vitis"), "SAT", True),
        (HlsSettings("Vitis", "Resource"), "WRAP", True),
        (HlsSettings("Vitis", "Resource"), "SAT", False),
        (HlsSettings("Vitis", "distributed_arithmetic"), "WRAP", False),
        (HlsSettings("Quartus"), "WRAP", False),
    ],
)
def test_a_narrow_accumulator_only_where_it_adds_as_named(settings, overflow, fits):
    narrow = Assignment(FixedPointFormat(8, 10), "TRN", overflow)
    layer = mlp(2, 2).layers[0]
    assert isinstance(layer, Dense)
    model = with_layer(
        Dense("narrow", ("dense1",), layer.weights, layer.weight_format, accumulator=narrow)
    )
    if fits:
        refuse_unwritable(model, settings)
    else:
        with pytest.raises(UnsupportedLayer, match=r"'narrow': .* does not add as"):
            refuse_unwritable(model, settings)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("Libero",), "unknown backend"),
        (("Vitis", "Fast"), "unknown strategy"),
        (("Vitis", "Latency", 0), "reuse_factor: is at least 1"),
        (("Vitis", "Latency", 1, "io_both"), "unknown io_type"),
        (("Quartus", "distributed_arithmetic"), "Quartus has no distributed arithmetic"),
    ],
)
def test_settings_that_do_not_exist_are_refused(arguments, problem):
    with pytest.raises(ExportError, match=problem):
        HlsSettings(*arguments)


def test_nothing_is_written_where_a_layer_or_board_is_refused(tmp_path):
    clip = with_layer(Clip("limit", ("dense1",), -5, 5))
    with pytest.raises(UnsupportedLayer):
        export_model(clip, tmp_path / "out", targets=["onnx", "hls4ml_quartus"])
    with pytest.raises(ConfigError):
        export_model(clip, tmp_path / "out", targets=["onnx"], board="nowhere")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('std::puts("no weights"); std::exit(7);', "stopped with status 7: no weights"),
        ("std::abort();", "stopped with status -6"),
    ],
)
def test_a_simulation_that_stops_does_not_stop_python(tmp_path, body, problem):
    # Not an hls4ml project, but one that builds the same library in a moment.
    (tmp_path / "firmware").mkdir()
    (tmp_path / "net.cpp").write_text(
        "#include <cstdio>\n#include <cstdlib>\n"
        f'extern "C" void mlp_double(double *, double *) {{ {body} }}\n'
    )
    build = "g++ -shared -fPIC net.cpp -o firmware/net.so\n"
    (tmp_path / "build_lib.sh").write_text(build)
    model = mlp(4, 3, 2)
    with CSimulation(tmp_path, model) as simulation, pytest.raises(ExportError, match=problem):
        simulation.run(random_inputs(model, 2, 0))
