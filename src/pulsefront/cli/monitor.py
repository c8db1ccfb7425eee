"""Commands that watch a deployed network."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulsefront.cli.integers import INTEGERS, input_integers

if TYPE_CHECKING:
    from pulsefront.monitor import Checked, CheckHistory, Profile, WatchedEvents

__all__ = ["app"]

app = typer.Typer(
    help="Watch a deployed network: does it still see what it was made for?",
    no_args_is_help=True,
)

ARRAYS = (".npy", ".npz")
"""Files of a network's input integers also where a profile knows a study; text may hold events."""


@app.command("profile")
def make(
    source: Annotated[
        Path,
        typer.Argument(
            help="A run directory, such as out/position_lyso_monolithic, or a model.json."
        ),
    ],
    events: Annotated[
        list[Path] | None,
        typer.Option(
            "--events",
            help="Events of normal work: event files, read as the study of the run reads them, or "
            "raw input integers (.npy, .npz or text) of the model. A run's own events if left out.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The profile to write.")] = Path(
        "profile.npz"
    ),
    duration_s: Annotated[
        float | None, typer.Option(help="How long the events were recorded; checks the rate.")
    ] = None,
) -> None:
    """Keep a reference of what a network sees when all is well.

    `pulsefront run` makes one of the simulated events of the study. For a detector of yours give
    events of its normal work: later checks compare with these.
    """
    from dataclasses import replace

    from pulsefront.errors import ConfigError
    from pulsefront.fixed_point import FixedPointModel
    from pulsefront.monitor import make_profile
    from pulsefront.studies.monitor import profile_of_run

    if source.is_dir():
        profile = profile_of_run(source, events or [])
        timed = replace(profile.reference, duration_s=duration_s)
        profile = replace(profile, reference=timed)
    elif not events:
        raise ConfigError(
            "a model alone does not say what it sees",
            field="--events",
            remedy="give input integers of normal work, or a run directory in place of the model",
        )
    else:
        model = FixedPointModel.load(source)
        profile = make_profile(model, _integers(events, model, duration_s))
    if profile.still:
        typer.echo(f"never varies, and is not watched: {', '.join(profile.still)}", err=True)
    profile.save(out)
    channels = f", charges of {len(profile.channel_names)} channels" * bool(profile.channel_names)
    typer.echo(
        f"{out}: {profile.model.name}, {len(profile.reference.inputs):,} vectors of "
        f"{len(profile.input_names)} inputs{channels}; go on with: pulsefront monitor check "
        f"{out} EVENTS"
    )


@app.command("check")
def run_check(
    profile: Annotated[Path, typer.Argument(help="The profile, or a run directory with one.")],
    events: Annotated[
        list[Path],
        typer.Argument(
            help="New events: files of the kind that the profile was made of, "
            "or raw input integers (.npy or .npz)."
        ),
    ],
    *,
    history: Annotated[
        Path | None,
        typer.Option(
            help="File that keeps the checks: with it small shifts are found over many of them."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The page to write.")] = None,
    prometheus: Annotated[
        Path | None, typer.Option(help="File for Prometheus' textfile collector.")
    ] = None,
    every: Annotated[
        float,
        typer.Option(
            "--every", min=1, help="Checks between false alarms; 720 hourly ones are a month."
        ),
    ] = 720.0,
    at: Annotated[
        str | None,
        typer.Option("--at", help="When the events were recorded, ISO 8601; now if left out."),
    ] = None,
    duration_s: Annotated[
        float | None, typer.Option(help="How long the events were recorded; checks the rate.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every quantity as JSON.")] = False,
) -> None:
    """Compare new events with a profile: which input moved, by how much, since when.

    Ends with exit code 1 when something has moved. Gains of single inputs, dead and hot channels,
    light and temperature (the photopeak), the share of flagged events, the rate and the outputs
    of the network are compared; at most one check in --every raises a false alarm.
    """
    from pulsefront.files import write_text
    from pulsefront.monitor import CheckHistory, check
    from pulsefront.monitor.history import read_history
    from pulsefront.monitor.metrics import textfile
    from pulsefront.monitor.page import check_page
    from pulsefront.monitor.words import findings

    known = _profile(profile)
    batch = _batch(known, events, duration_s)
    source = ", ".join(file.name for file in events)
    earlier = CheckHistory(known.sha256) if history is None else read_history(history, known)
    earlier.refuse_again(batch, source)
    found = check(known, batch, earlier.past(), every)
    kept = earlier.added(found, batch, source=source, at=_instant(at))
    if out is not None:
        write_text(out, check_page(known, found, kept, checks_between_false_alarms=every))
    if prometheus is not None:
        write_text(prometheus, textfile(known, found, kept))
    if history is not None:
        kept.write(history)
    told = findings(found, [one.at for one in kept.judged()], known.output_unit)
    typer.echo(_as_json(found, kept, told) if as_json else _as_text(found, told))
    if found.untold:
        typer.echo(f"could not be compared: {', '.join(found.untold)}", err=True)
    raise typer.Exit(1 if told else 0)


def _profile(path: Path) -> Profile:
    from pulsefront.monitor import Profile
    from pulsefront.studies.folders import RunFolders

    return Profile.load(RunFolders(path / "steps").profile if path.is_dir() else path)


def _batch(profile: Profile, events: list[Path], duration_s: float | None) -> WatchedEvents:
    from dataclasses import replace

    from pulsefront.studies.monitor import read_batch

    if profile.study is None or all(file.suffix in ARRAYS for file in events):
        return _integers(events, profile.model, duration_s)
    return replace(read_batch(profile, events), duration_s=duration_s)


def _integers(files: list[Path], model: Any, duration_s: float | None) -> WatchedEvents:
    import numpy as np

    from pulsefront.errors import DataError
    from pulsefront.monitor import WatchedEvents

    try:
        arrays = [next(iter(input_integers(file, model).values())) for file in files]
    except DataError as error:
        if error.remedy == INTEGERS:
            error.remedy += (
                ", or make a profile that reads events, of a run directory: pulsefront monitor "
                "profile RUN"
            )
        raise
    return WatchedEvents(np.concatenate(arrays), duration_s=duration_s)


def _instant(given: str | None) -> str:
    from pulsefront.errors import ConfigError

    if given is None:
        return datetime.now(UTC).isoformat(timespec="seconds")
    try:
        instant = datetime.fromisoformat(given)
    except ValueError:
        raise ConfigError(
            "is no instant", field="--at", value=given, remedy="write 2026-11-29T14:00:00+00:00"
        ) from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return instant.astimezone(UTC).isoformat(timespec="seconds")


def _as_text(found: Checked, told: list[str]) -> str:
    if not told:
        return f"nothing has moved: {len(found.verdicts)} quantities, {found.vectors:,} vectors"
    return "\n".join(told)


def _as_json(found: Checked, kept: CheckHistory, told: list[str]) -> str:
    times = [one.at for one in kept.judged()]
    rows = [
        {**asdict(one), "since": None if one.since is None else times[one.since]}
        for one in found.verdicts
    ]
    content = {
        "at": kept.checks[-1].at,
        "vectors": found.vectors,
        "moved": [one.name for one in found.moved],
        "too_many_inputs": found.many,
        "not_compared": found.untold,
        "findings": told,
        "quantities": rows,
    }
    return json.dumps(content, indent=2, default=float)
