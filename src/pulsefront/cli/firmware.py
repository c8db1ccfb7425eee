"""Commands for firmware: export and verify."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulsefront.cli.integers import input_integers

if TYPE_CHECKING:
    import numpy.typing as npt

    from pulsefront.fixed_point import FixedPointModel

__all__ = ["export", "verify"]


class TargetName(StrEnum):
    """What an export can hold."""

    onnx = "onnx"
    qonnx = "qonnx"
    onnx_float = "onnx_float"
    onnx_qdq = "onnx_qdq"
    hls4ml = "hls4ml"
    hls4ml_vivado = "hls4ml_vivado"
    hls4ml_quartus = "hls4ml_quartus"
    hls4ml_oneapi = "hls4ml_oneapi"
    hls4ml_catapult = "hls4ml_catapult"
    c99 = "c99"
    rtl = "rtl"
    rtl_unrolled = "rtl_unrolled"
    rtl_unrolled_vhdl = "rtl_unrolled_vhdl"
    rtl_gates = "rtl_gates"
    front_end = "front_end"


class StrategyName(StrEnum):
    """How hls4ml multiplies."""

    latency = "Latency"
    resource = "Resource"
    distributed_arithmetic = "distributed_arithmetic"


class IoName(StrEnum):
    """How events enter an hls4ml design."""

    parallel = "io_parallel"
    stream = "io_stream"


def export(
    model: Annotated[Path, typer.Argument(help="A fixed-point model, model.json.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write, whole or not at all.")],
    *,
    target: Annotated[
        list[TargetName] | None,
        typer.Option(
            "--target", "-t", help="What to write; several allowed.", show_default="onnx, hls4ml"
        ),
    ] = None,
    board: Annotated[
        str | None,
        typer.Option("--board", "-b", help="Name of a shipped board, or a TOML file."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            "-d",
            help="Input integers for golden vectors, raw: n stands "
            "for n steps of the input's format; .npy, .npz or text.",
        ),
    ] = None,
    allow_wrap: Annotated[
        list[str] | None,
        typer.Option("--allow-wrap", help="Name of a layer that may wrap around."),
    ] = None,
    strategy: Annotated[
        StrategyName, typer.Option("--strategy", help="How the hls4ml projects multiply.")
    ] = StrategyName.latency,
    reuse_factor: Annotated[
        list[str] | None,
        typer.Option(
            "--reuse-factor",
            help="Uses of one multiplier per event: a number, or LAYER=NUMBER, several allowed.",
            show_default="1",
        ),
    ] = None,
    io: Annotated[
        IoName, typer.Option("--io", help="How events enter the hls4ml designs.")
    ] = IoName.parallel,
    multipliers: Annotated[
        list[str] | None,
        typer.Option(
            "--multipliers",
            help="Of each layer of the Verilog: a number, or LAYER=NUMBER, several allowed.",
            show_default="1",
        ),
    ] = None,
    dsp_multipliers: Annotated[
        int | None,
        typer.Option(
            "--dsp-multipliers",
            min=0,
            help="Of all multipliers of the Verilog, those that ask for a DSP block.",
            show_default="all",
        ),
    ] = None,
    front_end: Annotated[
        str | None,
        typer.Option(
            "--front-end",
            help="Settings of the target front_end: name of shipped ones, or a TOML file.",
        ),
    ] = None,
    waveforms: Annotated[
        Path | None,
        typer.Option(
            "--waveforms",
            help="Measured records for the front end's golden stream, any format; negative samples "
            "are taken as those of an ADC with its zero in the middle.",
        ),
    ] = None,
    synthesize: Annotated[
        bool,
        typer.Option("--synthesize", help="Then run the vendor's tools, and yosys for Verilog."),
    ] = False,
    placements: Annotated[
        int,
        typer.Option(
            "--placements", min=1, help="With --synthesize: of ECP5, each with another seed."
        ),
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write a complete firmware export of a fixed-point model.

    The folder holds the model, an ONNX file and an hls4ml project that compute the same integers,
    golden vectors, checksums, and a README for the firmware engineer.
    """
    from pulsefront.errors import ConfigError
    from pulsefront.firmware.export import export_model, synthesize_export
    from pulsefront.firmware.front_end.count import count_front_end
    from pulsefront.firmware.front_end.settings import load_chain
    from pulsefront.firmware.front_end.window import with_window
    from pulsefront.firmware.origin import origin_of
    from pulsefront.firmware.rtl.targets import count_hdl
    from pulsefront.firmware.targets import DEFAULT_TARGETS, FRONT_END
    from pulsefront.fixed_point import FixedPointModel

    loaded = FixedPointModel.load(model)
    if waveforms is not None and front_end is None:
        raise ConfigError(
            "only a front end reads waveforms",
            field="--waveforms",
            value=str(waveforms),
            remedy="give --front-end, or leave it out",
        )
    targets = [one.value for one in target] if target else list(DEFAULT_TARGETS)
    if front_end is not None and FRONT_END not in targets:
        targets = [*targets, FRONT_END] if target else [FRONT_END]
    _refuse_without_effect(targets, multipliers, dsp_multipliers, reuse_factor)
    origin = origin_of(model)
    if front_end is not None and not origin:
        typer.echo(
            f"note: nothing beside {model} says what was done to its inputs before training: they "
            "are taken as the front end's settings say",
            err=True,
        )
    units = origin.pop("units", None)
    result = export_model(
        loaded,
        out,
        targets=targets,
        board=board,
        data_vectors=input_integers(data, loaded) if data else None,
        allow_wrap=allow_wrap or (),
        strategy=strategy.value,
        reuse_factor=_reuse_factors(reuse_factor or ["1"], loaded),
        io_type=io.value,
        multipliers=_multipliers(multipliers or []),
        dsp_multipliers=dsp_multipliers,
        front_end=None if front_end is None else with_window(load_chain(front_end), model),
        waveforms=None if waveforms is None else _waveforms(waveforms),
        provenance=origin,
        units=units,
    )
    if as_json:
        content = result.to_json()
        if synthesize:
            reports = synthesize_export(result)
            content["synthesis"] = {name: vars(one) for name, one in reports.items()}
            counts = {
                **count_hdl(loaded, result.directory, result.contents.hdl, placements),
                **count_front_end(loaded, result.directory, result.contents.front_end, placements),
            }
            content["resources"] = {k: one.model_dump(mode="json") for k, one in counts.items()}
        typer.echo(json.dumps(content, indent=2))
        return
    vectors = ", ".join(f"{count:,} {name}" for name, count in result.vectors.items())
    typer.echo(f"{result.directory}: {', '.join(result.targets)}; golden vectors: {vectors}")
    typer.echo(result.table())
    typer.echo(f"check it with: pulsefront verify {result.directory}")
    if synthesize:
        for name, report in synthesize_export(result).items():
            typer.echo(f"{name}: {report}")
        for name, counted in count_hdl(
            loaded, result.directory, result.contents.hdl, placements
        ).items():
            typer.echo(f"{name}: {counted}")
        for name, counted in count_front_end(
            loaded, result.directory, result.contents.front_end, placements
        ).items():
            typer.echo(f"{name}: {counted}")


def _refuse_without_effect(
    targets: Sequence[str],
    multipliers: list[str] | None,
    dsp_multipliers: int | None,
    reuse_factor: list[str] | None,
) -> None:
    """Refuse an option of which no target takes note."""
    from pulsefront.errors import ConfigError
    from pulsefront.firmware.targets import HLS_TARGETS

    shared = ("rtl", "rtl_gates")
    given = {
        "--multipliers": (multipliers, shared),
        "--dsp-multipliers": (dsp_multipliers, shared),
        "--reuse-factor": (reuse_factor, tuple(HLS_TARGETS)),
    }
    for option, (value, takers) in given.items():
        if value is not None and not set(targets) & set(takers):
            raise ConfigError(
                f"has no effect on {', '.join(targets)}",
                field=option,
                remedy=f"it is for the targets {', '.join(takers)}",
            )


def _waveforms(path: Path) -> npt.NDArray[Any]:
    """Return the waveforms of a measured file, (record, sample), channel by channel."""
    from pulsefront.errors import DataError, UnsupportedFormat
    from pulsefront.events.readers.open import open_events

    try:
        table = open_events(path).read()
    except UnsupportedFormat as error:
        error.remedy = f"store it first: pulsefront ingest {path} --format NAME --out FILE.h5"
        raise
    if "waveform_adc" not in table.columns:
        raise DataError("holds no waveforms", file=path, field="waveform_adc")
    found = table["waveform_adc"]
    return found.reshape(-1, found.shape[-1])


def _reuse_factors(texts: list[str], model: FixedPointModel) -> dict[str, int]:
    """Return the reuse factor of each layer with weights; a number alone is that of all others."""
    from pulsefront.errors import ConfigError
    from pulsefront.fixed_point.layers import MatrixLayer

    layers = [one.name for one in model.layers if isinstance(one, MatrixLayer)]
    whole, found = 1, {}
    for text in texts:
        name, separator, number = text.rpartition("=")
        if not number.isdigit() or int(number) < 1 or (separator and name not in layers):
            raise ConfigError(
                "is no reuse factor",
                field="--reuse-factor",
                value=text,
                remedy=f"give a number from 1 on, or LAYER=NUMBER; layers: {', '.join(layers)}",
            )
        if separator:
            found[name] = int(number)
        else:
            whole = int(number)
    return {name: found.get(name, whole) for name in layers}


def _multipliers(given: list[str]) -> int | dict[str, int]:
    """Return the numbers of multipliers in options: one for all layers, or by layer."""
    from pulsefront.errors import ConfigError

    by_layer = {}
    for one in given or ["1"]:
        name, _, number = one.rpartition("=")
        if not number.isdigit() or (not name and len(given) > 1):
            raise ConfigError(
                "is no number of multipliers",
                field="--multipliers",
                value=one,
                remedy="give one number for all layers, or LAYER=NUMBER for each",
            )
        by_layer[name] = int(number)
    return by_layer.get("", by_layer) if len(by_layer) == 1 else by_layer


def verify(
    directory: Annotated[Path, typer.Argument(help="An export folder.")],
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            "-d",
            help="More input integers to try, raw: n stands for "
            "n steps of the input's format; .npy, .npz or text.",
        ),
    ] = None,
    vectors: Annotated[
        int,
        typer.Option(
            "--vectors", "-n", min=0, help="So many more vectors, random and extreme, drawn here."
        ),
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the vectors drawn.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Run every executor in an export folder on every vector and compare every integer.

    Exits non-zero on the first integer that differs, and names back-end, vector, output and both
    integers. Of the vectors drawn with --vectors, slow executors run 10,000.
    """
    from pulsefront.firmware.checksums import changed_files
    from pulsefront.firmware.verify import verify_export
    from pulsefront.fixed_point import FixedPointModel

    extra = None
    if data is not None:
        changed_files(directory)  # tells first if this is no export
        extra = input_integers(data, FixedPointModel.load(directory / "model.json"))
    result = verify_export(directory, extra_inputs=extra, drawn=vectors, seed=seed)
    typer.echo(json.dumps(result.to_json(), indent=2) if as_json else result.table())
    result.raise_on_failure()
    if not as_json:
        compared = sum(row.integers for row in result.exact_rows)
        typer.echo(f"{compared:,} integers compared, none differs")
