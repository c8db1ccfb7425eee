"""Commands that say how far the simulation can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pulsefront.evaluate.intervals import Interval

__all__ = ["published", "sensitivity"]

Maps = Annotated[
    Path | None,
    typer.Option(help="Folder that keeps light maps for other runs; else they are removed."),
]


def published(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Published detectors that ship, e.g. yeom2013, or TOML files; all if left out."
        ),
    ] = None,
    *,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            help="Constant and values that all of them are given too, e.g. "
            "crystal.specular_lobe=0.8:0.9; may be repeated: which brings them nearer?"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Page to write (HTML); numbers beside it as JSON."),
    ] = None,
    events: Annotated[int, typer.Option(min=600, help="Events of each simulation.")] = 12_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same numbers.")] = 1,
    light_maps: Maps = None,
) -> None:
    """Simulate published detectors and compare with what their papers measured.

    Light within 25 % and energy resolution, CTR and position within 15 to 25 % count as agreement.
    """
    from pulsefront.files import write_json, write_text
    from pulsefront.simulate.trust.changes import varied_of
    from pulsefront.simulate.trust.explain import explain, spread_of
    from pulsefront.simulate.trust.pages import published_page
    from pulsefront.simulate.trust.published import UNITS, load_published, published_names

    chosen = [load_published(name) for name in names or published_names()]
    varied = [varied_of(text) for text in vary or []]
    with _maps(light_maps) as cache:
        found = explain(chosen, varied, events=events, seed=seed, cache=cache, report=_say)
    rows = found[0].rows
    table = [
        (
            row.published.name,
            row.figure.what,
            f"{UNITS[row.figure.quantity][0]}, {UNITS[row.figure.quantity][1]}",
            f"{row.figure.value:g}",
            str(row.simulated),
            str(row.ratio),
            "agrees" if row.agrees else "differs",
        )
        for row in rows
    ]
    _echo(("published", "of", "quantity", "value", "simulated", "ratio", ""), table)
    if vary:
        _echo(
            ("constant", "value", "agreeing", "rms of ln(ratio)"),
            [
                (
                    one.key or "as described",
                    one.value,
                    f"{one.agreeing} of {len(one.rows)}",
                    f"{spread_of(one.rows):.3f}",
                )
                for one in found
            ],
        )
    if out is not None:
        write_text(out, published_page(found, events, seed))
        write_json(out.with_suffix(".json"), [one.as_dict() for one in found])
        typer.echo(f"{out}, {out.with_suffix('.json')}")


def sensitivity(
    detector: Annotated[
        str, typer.Argument(help="A detector TOML file, or the name of one that ships.")
    ],
    *,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            help="Constant and values, e.g. crystal.reflectivity=0.9:0.98 or "
            "photosensor.pde=x0.8,x1.2; may be repeated. Those that papers mostly leave open, "
            "over their usual ranges, if left out."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Constant that is another than in the file in all simulations, e.g. "
            "crystal.size_mm.2=5; may be repeated.",
        ),
    ] = None,
    quantity: Annotated[
        list[str] | None,
        typer.Option(
            help="light_per_mev, energy_resolution_percent or ctr_ps; may be repeated. All that "
            "the detector reads if left out."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Page to write (HTML); numbers beside it as JSON."),
    ] = None,
    energy_kev: Annotated[
        float, typer.Option(min=20, max=2500, help="Of the gamma rays, for light and resolution.")
    ] = 511.0,
    events: Annotated[int, typer.Option(min=600, help="Events of each simulation.")] = 6_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same numbers.")] = 1,
    light_maps: Maps = None,
) -> None:
    """Change one constant of DETECTOR at a time: what it does to light, resolution and timing."""
    from pulsefront.detector import load_detector
    from pulsefront.files import write_json, write_text
    from pulsefront.simulate.trust.changes import set_constants, varied_of
    from pulsefront.simulate.trust.pages import sensitivity_page
    from pulsefront.simulate.trust.sensitivity import QUANTITIES, find_sensitivity

    varied = [varied_of(text) for text in vary] if vary else None
    with _maps(light_maps) as cache:
        found = find_sensitivity(
            set_constants(load_detector(detector), set_ or []),
            varied,
            quantities=quantity or QUANTITIES,
            energy_kev=energy_kev,
            events=events,
            seed=seed,
            cache=cache,
            report=_say,
        )
    names = [name for name in QUANTITIES if name in found.nominal]
    table = [("as described", "", *(str(found.nominal[name]) for name in names))]
    table += [
        (row.key, str(row.value), *(_times(row.relative[name]) for name in names))
        for row in found.rows
    ]
    _echo(("constant", "value", *names), table)
    if out is not None:
        write_text(out, sensitivity_page(found, events, seed))
        write_json(out.with_suffix(".json"), found.as_dict())
        typer.echo(f"{out}, {out.with_suffix('.json')}")


def _times(ratio: Interval) -> str:
    return f"× {ratio}"


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _maps(kept: Path | None) -> Any:
    """Return a context with the folder of light maps: a kept one, or one that is removed."""
    from contextlib import nullcontext
    from tempfile import TemporaryDirectory

    if kept is None:
        return TemporaryDirectory(prefix="pulsefront-")
    kept.mkdir(parents=True, exist_ok=True)
    return nullcontext(kept)


def _echo(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[k]) for row in [header, *rows]) for k in range(len(header))]
    for row in [header, *rows]:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())
