"""hls4ml projects from a fixed-point model, every precision by name.

The graph is built from a list of layers, without torch, Keras or QONNX. Dense, convolution and
ReLU are hls4ml's own; every other layer is a few lines of C++ of this project's (see
stage.py), because hls4ml's versions round on the way or know one mode only. Nothing is
left to ``auto``.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pulsefront.errors import ExportError
from pulsefront.files import firmware_export_directory
from pulsefront.firmware.board import Board
from pulsefront.firmware.hls4ml.layers import ProjectLayers, project_layers
from pulsefront.firmware.hls4ml.names import refuse_shadowed_weights
from pulsefront.firmware.hls4ml.namespace import namespace_of, put_top_function_outside
from pulsefront.firmware.hls4ml.refuse import refuse_unwritable
from pulsefront.firmware.hls4ml.settings import HlsSettings
from pulsefront.firmware.hls4ml.stage import register_stage
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["STAMP", "write_hls4ml"]

STAMP = "pulsefront"
"""In place of hls4ml's random stamp, so that the same model gives the same files."""

DEFAULT_SETTINGS = HlsSettings()


def write_hls4ml(
    model: FixedPointModel,
    directory: str | Path,
    *,
    board: Board,
    settings: HlsSettings = DEFAULT_SETTINGS,
) -> dict[str, int]:
    """Write a complete hls4ml project of *model* into *directory*.

    Returns
    -------
    The reuse factor of each dense and convolution layer: hls4ml takes the nearest one that
    divides the layer, and a convolution no more than kernel times channels.

    Raises
    ------
    ExportError, UnsupportedLayer
        The model has what this back-end cannot express; the message names the layer.
    """
    directory = Path(directory)
    refuse_unwritable(model, settings)
    layers = project_layers(model, settings)
    archive = directory.with_name(f"{directory.name}.tar.gz")
    with _quiet() as said:
        from hls4ml.model.graph import ModelGraph

        register_stage()
        try:
            graph = ModelGraph.from_layer_list(
                _configuration(model, directory, board, settings, layers),
                layers.entries,
                inputs=[one.name for one in model.inputs],
                outputs=layers.outputs,
            )
            graph.write()
        except Exception as error:
            last = said.getvalue().strip().splitlines()
            raise ExportError(
                f"hls4ml cannot write {model.name!r} for {settings.backend}: {error}",
                value=last[-1] if last else None,
            ) from error
    archive.unlink(missing_ok=True)  # Catapult's writer leaves one, asked or not
    if settings.has_namespace:
        put_top_function_outside(directory, model.name)
    refuse_shadowed_weights(model, directory)
    _make_reproducible(directory, graph.config.config["Stamp"])
    _without_assertions(directory / "build_lib.sh")
    if settings.backend == "oneAPI":
        _let_gcc_build_oneapi(directory)
    return {
        layer.name: int(layer.get_attr("reuse_factor"))
        for layer in graph.get_layers()
        if layer.class_name in ("Dense", "Conv1D")
    }


def _configuration(
    model: FixedPointModel,
    directory: Path,
    board: Board,
    settings: HlsSettings,
    layers: ProjectLayers,
) -> dict[str, Any]:
    from hls4ml.backends import get_backend

    # Catapult takes no clock uncertainty, and no argument that it does not know.
    known = {} if settings.backend == "Catapult" else {"clock_uncertainty": board.clock_uncertainty}
    config: dict[str, Any] = get_backend(settings.backend).create_initial_config(
        part=board.part, clock_period=board.clock_period_ns, io_type=settings.io_type, **known
    )
    whole = {
        # Every type is given by name; this one would show in the output if it were used.
        "Precision": {"default": "ap_fixed<1,1>"},
        "ReuseFactor": settings.reuse_factor,
        "Strategy": settings.strategy,
    }
    writer: dict[str, Any] = {"WriteTar": False}
    if settings.has_namespace:
        writer["Namespace"] = namespace_of(model.name)
    return config | {
        "Backend": settings.backend,
        "ProjectName": model.name,
        "OutputDir": str(directory),
        "WriterConfig": {**config.get("WriterConfig", {}), **writer},
        "HLSConfig": {"Model": whole, "LayerName": layers.config},
    }


@contextlib.contextmanager
def _quiet() -> Iterator[io.StringIO]:
    """Keep hls4ml's prints and warnings off the user's terminal."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()) as said:
        warnings.simplefilter("ignore")
        yield said


def _make_reproducible(directory: Path, stamp: str) -> None:
    """Take the random stamp and the absolute path out of the files that hold them."""
    for path in sorted(directory.rglob("*")):
        if path.suffix in {".sh", ".tcl", ".yml", ".cpp", ".h", ".txt"} and path.is_file():
            content = path.read_text(encoding="utf-8", errors="surrogateescape")
            changed = content.replace(str(directory), ".")
            # Not in the code: eight hexadecimal digits may stand among those of a weight.
            if "firmware" not in path.relative_to(directory).parts:
                # YAML quotes a stamp that reads as a number.
                changed = changed.replace(f"'{stamp}'", STAMP).replace(stamp, STAMP)
            if changed != content:
                path.write_text(changed, encoding="utf-8", errors="surrogateescape")


def _without_assertions(script: Path) -> None:
    """Build the C simulation without assertions.

    The bundled ap_types read a bit beyond the last one, and then ignore it, where an assignment
    drops more bits than its source has; an assertion in g++'s build, nothing on a chip.
    """
    if script.exists():
        text = script.read_text(encoding="utf-8")
        script.write_text(text.replace('CFLAGS="-O3', 'CFLAGS="-O3 -DNDEBUG'), encoding="utf-8")


def _let_gcc_build_oneapi(directory: Path) -> None:
    """Add what g++ needs to run the kernels: stand-ins for SYCL, and the ac_types of Quartus."""
    import hls4ml

    shipped = firmware_export_directory() / "testbench" / "oneapi"
    shutil.copy(shipped / "build_lib.sh", directory / "build_lib.sh")
    shutil.copytree(shipped / "sycl", directory / "stand_in" / "sycl")
    templates = Path(hls4ml.__file__).parent / "templates"
    shutil.copytree(templates / "quartus" / "ac_types", directory / "stand_in" / "ac_types")
