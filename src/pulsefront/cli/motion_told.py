"""What ``pulsefront motion`` writes and says of a scan, at its end or as it grows."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulsefront.motion import FindSettings, FoundMotion, MotionTrace

__all__ = ["followed", "tell"]


def followed(
    file: Path,
    read: Callable[[], tuple[MotionTrace, tuple[float, ...]]],
    settings: FindSettings,
    out: Path,
    quiet_s: float,
) -> FoundMotion:
    """Say each movement as soon as it is decided; write the page whenever the file has grown."""
    from pulsefront.errors import DataError
    from pulsefront.motion.live import follow, new_moves

    told: set[float] = set()
    found: FoundMotion | None = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the last row is half written more often than not
        for found in follow(file, read, settings, every_s=min(1.0, quiet_s / 4), quiet_s=quiet_s):
            for move in new_moves(found, told):
                typer.echo(
                    f"{move.start_s:.1f} s: moved by {move.size_mm:.2f} ± "
                    f"{1.96 * move.size_error_mm:.2f} mm, decided at {move.decided_s:.1f} s; "
                    "split the frame"
                )
            _write(found, file, out)
    if found is None:
        raise DataError("no such file", file=file, remedy="check the path")
    tell(found, file, out)
    return found


def _write(found: FoundMotion, file: Path, out: Path) -> None:
    """Write page and JSON."""
    from pulsefront.files import write_json, write_text
    from pulsefront.motion.report.page import motion_page
    from pulsefront.motion.report.record import as_record
    from pulsefront.report import render

    write_text(out, render(motion_page(found, file)))
    write_json(out.with_suffix(".json"), as_record(found, file))


def tell(found: FoundMotion, file: Path, out: Path) -> None:
    """Write page and JSON, and say the answer."""
    from pulsefront.motion.report.record import sentence

    _write(found, file, out)
    typer.echo(f"{file}: {sentence(found)}")
    for frame in found.frames[:20]:
        doubt = "" if frame.decided else ", no decision"
        typer.echo(
            f"  {frame.start_s:9.1f} to {frame.stop_s:9.1f} s, part {frame.part + 1}: "
            f"{frame.size_mm:.2f} ± {1.96 * frame.size_error_mm:.2f} mm{doubt}"
        )
    if len(found.frames) > 20:
        typer.echo(f"  … {len(found.frames) - 20} more frames")
    for one in found.findings[:10]:
        typer.echo(f"  not motion: {one.kind} at {one.start_s:.1f} s: {one.text}")
    if len(found.findings) > 10:
        typer.echo(f"  … {len(found.findings) - 10} more findings")
    typer.echo(f"page: {out}")
