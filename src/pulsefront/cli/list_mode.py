"""The command that writes pairs of two detectors as PETSIRD list mode."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulsefront.cli.data_options import Format, Mapping, Strict, read_options, warnings_on_stderr

if TYPE_CHECKING:
    from pulsefront.detector import Detector
    from pulsefront.events.readers.base import EventFile
    from pulsefront.measured.petsird.write import PetsirdSummary

__all__ = ["petsird"]


def petsird(
    file: Annotated[
        Path, typer.Argument(help="Pairs: a store of coincidences, simulated or measured.")
    ],
    out: Annotated[
        Path, typer.Option("--out", help="The file to write; NDJSON if its name ends in .ndjson.")
    ],
    detector: Annotated[
        list[str] | None,
        typer.Option(
            "--detector",
            help="The detector of both sides (TOML, or a shipped one's name); twice: of side 0, "
            "of side 1. Simulated pairs say it.",
        ),
    ] = None,
    distance_mm: Annotated[
        float | None,
        typer.Option("--distance-mm", help="Between the entrance faces. Simulated pairs say it."),
    ] = None,
    ctr_fwhm_ps: Annotated[
        float | None,
        typer.Option("--ctr-fwhm-ps", help="Coincidence time resolution; calibrate tells it."),
    ] = None,
    energy_resolution_percent: Annotated[
        float | None, typer.Option(help="FWHM at 511 keV; calibrate tells it.")
    ] = None,
    energy_range_kev: Annotated[
        tuple[float, float],
        typer.Option("--energy-range-kev", help="Energies that are kept of both sides."),
    ] = (0.0, 1000.0),
    energy_bins: Annotated[
        int, typer.Option(help="Bins of them; with 1 no energies are needed.")
    ] = 100,
    tof_bin_ps: Annotated[
        float | None,
        typer.Option(help="Width of a bin of time differences; a fifth of --ctr-fwhm-ps."),
    ] = None,
    tof_range_ps: Annotated[
        float | None,
        typer.Option(help="Largest time difference; that of the coincidence window or the faces."),
    ] = None,
    block_ms: Annotated[int, typer.Option(help="Length of a time block.")] = 1000,
    rate_per_s: Annotated[
        float | None,
        typer.Option("--rate-per-s", help="Pairs per second, where they have no times."),
    ] = None,
    channels: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--channels",
            help="Channels of side 0 and of side 1 in the order of their elements, e.g. 0-63 "
            "64-127.",
        ),
    ] = None,
    energy_column: Annotated[
        str | None, typer.Option(help="Column of the energies in keV; found if not given.")
    ] = None,
    time_column: Annotated[
        str | None, typer.Option(help="Column of the time differences; found if not given.")
    ] = None,
    format_name: Format = None,
    mapping: Mapping = None,
    *,
    keep_flagged: Annotated[
        bool, typer.Option("--keep-flagged", help="Write pairs with status flags too.")
    ] = False,
    strict: Strict = False,
) -> None:
    """Write pairs of two detectors as PETSIRD list mode, the common format of PET raw data.

    The two detectors face each other along x; their elements come from the detector's file.
    Energies and time differences become bins, and pairs outside them are left out and counted.
    Times are whole time blocks. What the pairs do not say is asked for.
    """
    from pulsefront.events.channels import parse_channels
    from pulsefront.events.readers.open import open_events
    from pulsefront.measured.petsird.settings import PetsirdSettings
    from pulsefront.measured.petsird.write import write_petsird
    from pulsefront.progress import progress

    options = read_options(mapping=mapping, strict=strict)
    with warnings_on_stderr():
        source = open_events(file, options, format_name=format_name)
        detectors = _detectors(source, detector or [])
        given = {
            "--ctr-fwhm-ps": ctr_fwhm_ps,
            "--energy-resolution-percent": energy_resolution_percent,
        }
        ctr, resolution = _needed(given, file)
        settings = PetsirdSettings(
            ctr_fwhm_ps=ctr,
            energy_resolution=resolution / 100,
            distance_mm=distance_mm,
            energy_range_kev=energy_range_kev,
            energy_bins=energy_bins,
            tof_bin_ps=tof_bin_ps,
            tof_range_ps=tof_range_ps,
            block_ms=block_ms,
            rate_per_s=rate_per_s,
            energy_column=energy_column,
            difference_column=time_column,
            channels=None
            if channels is None
            else (parse_channels(channels[0]), parse_channels(channels[1])),
            keep_flagged=keep_flagged,
        )
        with progress("petsird", "pairs") as report:
            found = write_petsird(source, detectors, out, settings, report=report)
    for line in _told(found, out, source):
        typer.echo(line)


def _needed(given: dict[str, float | None], file: Path) -> list[float]:
    """Return the values of options that have no default; all that are missing are named at once."""
    from pulsefront.errors import ConfigError

    missing = [name for name, value in given.items() if value is None]
    if missing:
        raise ConfigError(
            "must be said: nothing in the pairs does",
            file=file,
            field=", ".join(missing),
            remedy="pulsefront calibrate tells both",
        )
    return [value for value in given.values() if value is not None]


def _detectors(source: EventFile, names: list[str]) -> tuple[Detector, Detector]:
    """Return the detectors of both sides: those named, or those of the simulation."""
    from pulsefront.detector import detector_hash, load_detector
    from pulsefront.errors import ConfigError

    simulated = source.provenance.get("detectors") if not names else None
    if len(names) > 2 or not (names or simulated):
        raise ConfigError(
            "names the detector of both sides, or each one's",
            file=source.path,
            field="--detector",
            value=len(names),
            remedy="the geometry comes from its file: pulsefront new detector writes one",
        )
    if simulated is None:
        first = load_detector(names[0])
        return first, load_detector(names[1]) if len(names) == 2 else first
    hashes = source.provenance.get("detector_sha256", [])
    try:
        found = [load_detector(name) for name in simulated]
    except ConfigError:
        found = []
    if [detector_hash(one) for one in found] != list(hashes) or len(found) != 2:
        raise ConfigError(
            f"the simulated detector, {simulated[0]}, is not among those that ship as it was",
            file=source.path,
            field="--detector",
            remedy="name its file",
        )
    return found[0], found[0] if hashes[0] == hashes[1] else found[1]


def _told(found: PetsirdSummary, out: Path, source: EventFile) -> list[str]:
    """Return what was written, of which columns, in which bins, and what was left out."""
    columns, bins = found.columns, found.bins
    lines = [f"{out}: {found.events:,} coincidences in {found.blocks:,} time blocks"]
    used = [name for name in (columns.energy, columns.difference) if name is not None]
    for name in used:
        told = source.quantities[name].description
        lines.append(f"  from {name}: {told}")
    if columns.energy is None:
        lines.append("  one energy bin: the pairs hold no energies in keV")
    lines.append(
        f"  {bins.energies} energy bins of {bins.energy_kev[0]:g} to {bins.energy_kev[-1]:g} keV, "
        f"{len(bins.tof_mm) - 1} bins of time of flight of {bins.tof_mm[0]:.4g} to "
        f"{bins.tof_mm[-1]:.4g} mm"
    )
    lines += [f"  left out: {count:,} {why}" for why, count in found.left_out.items()]
    return lines
