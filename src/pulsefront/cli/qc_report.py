"""pulsefront qc report: pages drawn again, of a back-test or of a night."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulsefront.cli.qc_support import day_of, write_page
from pulsefront.errors import ConfigError

if TYPE_CHECKING:
    from pulsefront.qc.models.files.model_file import FailureModel
    from pulsefront.qc.nightly.night import NightReport
    from pulsefront.qc.store.database import Store

__all__ = ["report", "write_newest_night"]


def report(
    result: Annotated[
        Path | None, typer.Argument(help="backtest.json of pulsefront qc backtest.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Page to write, beside the JSON if left out.")
    ] = None,
    db: Annotated[
        str, typer.Option("--db", help="Instead of a JSON: a store, for the page of a night.")
    ] = "",
    as_of: Annotated[
        str, typer.Option(help="With --db: day of the night, the newest one if left out.")
    ] = "",
    unit: Annotated[
        list[str] | None,
        typer.Option(help="With --db: a scanner to show with all of its series; may be repeated."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="With --db: the model file that scored, if it is not in the store."),
    ] = None,
) -> None:
    """Draw a page again: of a back-test from its JSON, or of a night from the store.

    Exit codes: 0 written, 2 usage, 3 data invalid or the night was not scored, 4 model invalid.
    """
    if (result is None) == (not db):
        raise ConfigError(
            "a page is drawn of one thing", field="RESULT, --db", remedy="give one of the two"
        )
    if result is not None:
        from pulsefront.qc.backtest.results import read_backtest

        page = out or result.with_suffix(".html")
        write_page(read_backtest(result), page, str(result))
    else:
        page = _write_night(db, out, as_of, unit or [], model)
    typer.echo(f"wrote {page}")


def _write_night(
    db: str, out: Path | None, as_of: str, units: list[str], model: Path | None
) -> Path:
    from pulsefront.qc.models.files.model_file import load_model
    from pulsefront.qc.nightly.unscored import has_model, unscored_night
    from pulsefront.qc.pages.night.write import night_to_tell, write_night
    from pulsefront.qc.store.database import Store
    from pulsefront.qc.times import end_of_day

    if out is None:
        raise ConfigError("is needed with --db", field="--out", remedy="give the page to write")
    instant = end_of_day(day_of(as_of)) if as_of else None
    given = load_model(model) if model else None
    with Store(db, must_exist=True) as store:
        if given is None and not has_model(store):
            found = unscored_night(store, instant)
            write_night(store, found.night, out, model=found.model, units=units)
        else:
            write_night(store, night_to_tell(store, instant), out, model=given, units=units)
    return out


def write_newest_night(
    store: Store, out: Path, model: FailureModel, scored: NightReport | None
) -> None:
    """Write the page of the newest night into the folder of its files, if that is due.

    It is after a night was scored that no later one follows, and where the page is missing. A page
    is never taken back to an earlier night.
    """
    from pulsefront.qc.pages.night.write import PAGE_FILE, night_to_tell, write_night

    path = out / PAGE_FILE
    if scored is None or not scored.newest:
        if path.exists():
            return
        scored = night_to_tell(store)
    write_night(store, scored, path, model=model)
    typer.echo(f"wrote {path}")
