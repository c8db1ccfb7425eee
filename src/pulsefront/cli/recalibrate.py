"""The command that fits a deployed network's front end to another detector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pulsefront.studies.recalibrate import Recalibration

__all__ = ["recalibrate"]


def recalibrate(
    export: Annotated[
        Path, typer.Argument(help="An export, such as out/NAME/steps/export/firmware.")
    ],
    events: Annotated[
        list[Path],
        typer.Argument(help="Events of the new detector: a flood or a scan over the whole face."),
    ],
    *,
    profile: Annotated[
        Path,
        typer.Option(help="What the network was made for: its run directory, or profile.npz."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The new export, a folder.")],
    dark: Annotated[
        list[Path] | None,
        typer.Option("--dark", help="Events without light, for the offsets; several allowed."),
    ] = None,
    front_end: Annotated[
        str | None,
        typer.Option(
            "--front-end",
            help="Settings of the front end: name of shipped ones, or a TOML file.",
            show_default="those of the export",
        ),
    ] = None,
    board: Annotated[
        str | None,
        typer.Option("--board", "-b", help="Name of a shipped board, or a TOML file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Find gains and offsets of another detector, and write a front end that corrects them.

    The weights of the network stay. Gains come from photopeak events without any label, relative to
    the profile; offsets from events without light. Where the events know the truth, the error is
    told before and after.
    """
    from pulsefront.firmware.front_end.settings import load_chain
    from pulsefront.fixed_point import FixedPointModel
    from pulsefront.monitor import Profile
    from pulsefront.studies.folders import RunFolders
    from pulsefront.studies.recalibrate import chain_of_export, write_recalibrated
    from pulsefront.studies.recalibrate import recalibrate as find

    model = FixedPointModel.load(export / "model.json")
    chain = chain_of_export(export, None if front_end is None else load_chain(front_end))
    known = Profile.load(RunFolders(profile / "steps").profile if profile.is_dir() else profile)
    changed, found = find(model, known, chain, events, dark or ())
    write_recalibrated(model, export, out, changed, found, board)
    typer.echo(json.dumps(found.to_json(), indent=2) if as_json else _as_text(found))
    if not as_json:
        typer.echo(f"{out}: front end with these gains; check it with: pulsefront verify {out}")


def _as_text(found: Recalibration) -> str:
    import numpy as np

    errors = np.array([np.nan if one is None else one for one in found.gain_errors])
    told = np.array(found.gains)[~np.isnan(errors)]
    gains = (
        f"gains of {len(told)} channels from {found.events:,} photopeak events: "
        f"{told.min():.3f} to {told.max():.3f}, spread {100 * told.std():.1f} %, "
        f"each to ±{100 * float(np.nanmedian(errors)):.1f} %"
    )
    peak = (
        f"photopeak at {found.photopeak_adc:.0f} counts, of the reference at "
        f"{found.reference_photopeak_adc:.0f}"
    )
    lines = [gains, peak]
    if np.isnan(errors).any():
        lost = ", ".join(str(k) for k in np.flatnonzero(np.isnan(errors)))
        lines.append(f"channels without a gain, left as they are: {lost}")
    if found.dark_events:
        offsets = found.offsets_adc
        lines.append(
            f"offsets from {found.dark_events:,} events without light: {min(offsets)} to "
            f"{max(offsets)} counts"
        )
    if found.before is not None and found.after is not None and found.gain_percent is not None:
        gain = found.gain_percent
        lines.append(
            f"{found.loss}: {found.before} before, {found.after} after; gain "
            f"{gain.value:+.1f} % [{gain.low:+.1f}, {gain.high:+.1f}]"
        )
    return "\n".join(lines)
