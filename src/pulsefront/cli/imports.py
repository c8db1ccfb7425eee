"""The command that brings a network of another package in."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import numpy.typing as npt

    from pulsefront.fixed_point import FixedPointFormat
    from pulsefront.imports.imported import Imported, OriginDifference

__all__ = ["import_network"]


def _no_folder(file: Path | None) -> Path | None:
    """Say that an input is a folder before anything is said of where the model is written."""
    from pulsefront.errors import DataError

    if file is not None and file.is_dir():
        raise DataError("is a folder", file=file, remedy="name the file in it")
    return file


class ScalesName(StrEnum):
    """What becomes of scales that are no powers of two."""

    refuse = "refuse"
    nearest = "nearest"
    keep = "keep"


def import_network(
    file: Annotated[
        Path,
        typer.Argument(
            help="An ONNX file: QONNX, QuantizeLinear, or not quantized.", callback=_no_folder
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The model to write.")] = Path(
        "model.json"
    ),
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            "-d",
            help="Events to calibrate and compare with, .npy, .npz or text, in the "
            "order of axes and the units of FILE: what the network took where it was trained, not "
            "raw integers of the model. Whole numbers such as ADC counts are values, too.",
            callback=_no_folder,
        ),
    ] = None,
    input_format: Annotated[
        str | None,
        typer.Option(
            "--input-format", help="Of the inputs where FILE does not say it: ufixed<12,12>."
        ),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="Of one tensor, in place of that which calibration chooses: relu_1=ufixed<8,4>, "
            "dense_1.weights=fixed<6,1>; several allowed.",
        ),
    ] = None,
    output: Annotated[
        list[str] | None,
        typer.Option("--output", help="Tensor of FILE to end at, such as what enters a softmax."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the model; from FILE.")] = None,
    weight_bits: Annotated[
        int, typer.Option("--weight-bits", help="Of weights that calibration quantizes.")
    ] = 8,
    activation_bits: Annotated[
        int, typer.Option("--activation-bits", help="Of tensors that calibration quantizes.")
    ] = 8,
    output_bits: Annotated[
        int, typer.Option("--output-bits", help="Of outputs that calibration quantizes.")
    ] = 16,
    scales: Annotated[
        ScalesName,
        typer.Option(
            "--scales",
            help="Of scales that are no powers of two: refuse; the nearest that covers "
            "the range; or keep the integers of tensors and give weights the factors.",
        ),
    ] = ScalesName.refuse,
    factor_bits: Annotated[
        int, typer.Option("--factor-bits", help="Of weights that carry factors of kept scales.")
    ] = 18,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Make a fixed-point model of a network that was trained elsewhere, and compare both.

    A quantized network keeps its integers: how many differ, on extremes, random inputs and your
    data, is counted. One that is not quantized is calibrated with --data. For example:

    pulsefront import tagger.onnx --out tagger.json

    pulsefront import float.onnx --data events.npy --out small.json

    From Python also torch modules, scikit-learn and Keras or HGQ2 models: pulsefront.imports.
    """
    from pulsefront.firmware.vectors import golden_vectors
    from pulsefront.imports.calibrate import Widths
    from pulsefront.imports.event_axes import EventsMismatch
    from pulsefront.imports.onnx.model import from_onnx

    events, only = (None, None) if data is None else _events(data)
    widths = Widths(
        weights=weight_bits,
        activations=activation_bits,
        outputs=output_bits,
        factors=factor_bits,
        formats=dict(_given(one) for one in formats or ()),
    )
    try:
        imported = from_onnx(
            file,
            data=events,
            name=name,
            outputs=tuple(output or ()),
            input_format=None if input_format is None else _format(input_format),
            widths=widths,
            scales=scales.value,
        )
    except EventsMismatch as error:
        error.file = data
        raise
    if only is not None and only != imported.model.inputs[0].name:
        port = imported.model.inputs[0].name
        typer.echo(f"{data}: its only array, {only}, is taken for the input {port}", err=True)
    found = {}
    if not imported.calibrated:
        # Of formats chosen on data, inputs that data do not hold say nothing.
        sets = golden_vectors(imported.model)
        found = {one.name: imported.compare(one.inputs) for one in sets}
    if events is not None:
        found["data"] = imported.compare_data(events)
    imported.model.save(out)
    if as_json:
        typer.echo(json.dumps(_content(out, imported, found), indent=2))
    else:
        _tell(out, imported, found)


def _steps(imported: Imported) -> dict[str, float]:
    """Return, by input, what a step of the model is in the units of the file."""
    return {
        one.name: one.format.step * imported.steps.get(one.name, 1.0)
        for one in imported.model.inputs
    }


def _tell(out: Path, imported: Imported, found: dict[str, tuple[OriginDifference, ...]]) -> None:
    model = imported.model
    ports = [f"{one.name} {one.shape} {one.format}" for one in model.inputs]
    results = [f"{name} {form}" for name, form in model.output_formats.items()]
    layers = f"{len(model.layers)} layers, {model.cost().weight_bytes:,} bytes of weights"
    typer.echo(f"{out}: {', '.join(ports)} -> {', '.join(results)}; {layers}")
    for port in model.inputs:
        if port.name in imported.turned:
            own = imported.axes.get(port.name, port.shape)
            axes, order = "(channel, position)", ""
            if len(own) == 3:
                axes, order = "(channel, row, column)", ", row after row"
            typer.echo(
                f"input {port.name}: {axes} of the file, {own}, is (position, channel) here, "
                f"{port.shape}{order}"
            )
    for change in imported.changes:
        typer.echo(f"changed: {change}")
    if imported.calibrated:
        typer.echo("formats were chosen here: integers differ from those of the network in floats")
    for vector_set, differences in found.items():
        if vector_set == "data":
            steps = ", ".join(f"{name} {step:g}" for name, step in _steps(imported).items())
            typer.echo(
                f"data are values in the units of the file, not raw integers; steps: {steps}"
            )
        for difference in differences:
            typer.echo(f"{vector_set}: {difference}")
    typer.echo(f"go on with: pulsefront export {out} --out firmware; pulsefront verify firmware")


def _content(
    out: Path, imported: Imported, found: dict[str, tuple[OriginDifference, ...]]
) -> dict[str, Any]:
    return {
        "model": str(out),
        "calibrated": imported.calibrated,
        "changes": list(imported.changes),
        "turned_inputs": sorted(imported.turned),
        "input_steps": _steps(imported),
        "compared": {name: [vars(one) for one in some] for name, some in found.items()},
    }


def _given(text: str) -> tuple[str, FixedPointFormat]:
    """Return the name of a tensor and its format, NAME=FORMAT."""
    from pulsefront.errors import ConfigError

    name, equals, form = text.partition("=")
    if not equals:
        raise ConfigError(
            "names no format", field="--format", value=text, remedy=f"write {name}=ufixed<8,4>"
        )
    return name.strip(), _format(form, "--format")


def _format(text: str, field: str = "--input-format") -> FixedPointFormat:
    from pulsefront.errors import ConfigError
    from pulsefront.fixed_point import FixedPointFormat

    match = re.fullmatch(r"(?:ap_)?(u?)fixed<\s*(\d+)\s*,\s*(-?\d+)\s*>", text.strip())
    if match is None:
        raise ConfigError(
            "is no format",
            field=field,
            value=text,
            remedy="write ufixed<12,12> for 12-bit ADC counts, fixed<8,3> for 8 bits with a sign "
            "and 3 integer bits, the sign among them",
        )
    return FixedPointFormat(int(match[2]), int(match[3]), signed=not match[1])


def _events(path: Path) -> tuple[npt.NDArray[Any] | dict[str, npt.NDArray[Any]], str | None]:
    """Read arrays of events: .npy, .npz with an array for each input, or a text table.

    Beside them stands the name of the only array of an .npz, which is taken whatever its name.
    """
    import zipfile

    import numpy as np

    from pulsefront.errors import DataError

    try:
        if not path.stat().st_size:
            raise DataError("is empty", file=path, remedy="give events to calibrate or compare")
        if path.suffix == ".npz":
            # Opened here: of an archive that is cut short, NumPy leaves the file open.
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                arrays = {name: _numbers(path, archive[name]) for name in archive.files}
            if not arrays:
                raise DataError("holds no array", file=path)
            (first, *others) = arrays
            return (arrays, None) if others else (arrays[first], first)
        if path.suffix == ".npy":
            return _numbers(path, np.load(path, allow_pickle=False)), None
        if not path.read_text(encoding="utf-8").strip():
            raise DataError("holds no events", file=path)
        table = np.loadtxt(path, ndmin=2, delimiter="," if path.suffix == ".csv" else None)
        whole = bool(np.all(table == np.rint(table)))
        return (table.astype(np.int64) if whole else table), None
    except FileNotFoundError:
        raise DataError("no such file", file=path) from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"cannot be read as numbers: {error}", file=path) from None


def _numbers(path: Path, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    from pulsefront.errors import DataError

    if array.dtype.kind not in "iuf":
        raise DataError("holds no real numbers", file=path, value=str(array.dtype))
    return array
