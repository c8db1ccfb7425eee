"""pulsefront qc night: what timer and crontab start; logs in, scores and messages out."""

from __future__ import annotations

import gc
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from pulsefront.cli.qc_inputs import ingest, printable, quarantine
from pulsefront.cli.qc_score import score
from pulsefront.errors import PulsefrontError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["night"]

# The first one that a part ends with is that of the night: what needs somebody comes first.
_MEANINGS = {
    3: "data invalid, no database or no room for it",
    4: "model invalid",
    2: "usage, or a file that cannot be written",
    5: "another job or program works on the store, and the next night makes up for it",
    6: "something was left out, and the rest was done",
    1: "an alert was opened",
    0: "done",
}
_FAULT = 3


def night(
    site_dir: Annotated[Path, typer.Argument(help="The site's folder, of pulsefront qc init.")],
    db: Annotated[
        str, typer.Option("--db", help="Database, qc.db in the folder if left out.")
    ] = "",
    as_of: Annotated[str, typer.Option(help="Day, as for pulsefront qc score.")] = "yesterday",
    model: Annotated[
        Path | None,
        typer.Option(help="Model file that scores in place of the store's champion."),
    ] = None,
    false_alerts: Annotated[
        float, typer.Option(help="Rate of false alerts per unit-year that sets the threshold.")
    ] = 1.0,
    catch_up_days: Annotated[
        int, typer.Option(min=0, help="Skipped nights that are scored as well, at most.")
    ] = 31,
    *,
    exit_on_alerts: Annotated[
        bool, typer.Option("--exit-on-alerts", help="Exit with 1 where an alert was opened.")
    ] = False,
) -> None:
    """Run a site's night: ingest of logs/, score into out/, and the list of what was refused.

    No part stops the next one: a store is scored as far as it is filled, and only where the store
    itself stopped the ingest does the night wait for the next one. People are told where the folder
    has a notify.toml that names them. The last line says how each part ended.

    Exit codes: 0 done, 1 an alert was opened (with --exit-on-alerts), 2 usage, or a file cannot be
    written, 3 data invalid, no database or no room for it, 4 model invalid, 5 another job works on
    the store, 6 some files, units or messages were left out and the rest was done.
    """
    from pulsefront.qc.store.database import Store

    # A night makes millions of records and few of them in circles: looking for these after every
    # 700 new ones, as Python does, takes a seventh of its time.
    gc.set_threshold(100_000)
    where = db or str(site_dir / "qc.db")
    Store(where, must_exist=True).close()  # one that is gone is to be missed, not begun anew
    notify, out = site_dir / "notify.toml", site_dir / "out"
    parts = {
        "ingest": partial(
            ingest, [site_dir / "logs"], where, site_dir / "site.toml", must_exist=True
        ),
        "score": partial(
            score, where, out, as_of, model, false_alerts, notify if notify.exists() else None,
            catch_up_days, exit_on_alerts=exit_on_alerts,
        ),
        "quarantine": partial(quarantine, where, out=out / "quarantine.csv"),
    }  # fmt: skip
    said = set[str]()
    ended: dict[str, _Ended] = {}
    for name, part in parts.items():
        if name == "score" and ended["ingest"].by_store:
            # Scores are final: no night is scored on that half of its readings which came in.
            typer.echo("score: waits for the ingest; the next night makes up for it", err=True)
            ended[name] = ended["ingest"]
        else:
            ended[name] = _run(name, part, said)
    codes = {name: each.code for name, each in ended.items()}
    code = next(code for code in _MEANINGS if code in {*codes.values(), 0})
    how = ", ".join(f"{name} {ended}" for name, ended in codes.items())
    typer.echo(f"night: exit code {code}, {_MEANINGS[code]} ({how})", err=code > 0)
    raise typer.Exit(code)


class _Ended(NamedTuple):
    """Exit code of a part, and whether it was the store that stopped it."""

    code: int
    by_store: bool = False


def _run(name: str, part: Callable[[], None], said: set[str]) -> _Ended:
    """Run a part; return how it ended, and tell what stopped it, once."""
    from pulsefront.qc.store.problems import StoreProblem

    by_store = False
    try:
        part()
    except typer.Exit as done:
        return _Ended(done.exit_code)
    except PulsefrontError as error:
        code, line, by_store = error.exit_code, str(error), isinstance(error, StoreProblem)
    except OSError as error:
        code, line = 2, f"{error.filename or 'a file'}: {(error.strerror or str(error)).lower()}"
    except Exception as error:  # noqa: BLE001 - a fault of ours must not stop the next part
        kind = type(error).__name__
        code = _FAULT
        line = f"a fault of pulsefront, please report it ({kind}: {error}); run the part alone"
    else:
        return _Ended(0)
    if line not in said:
        typer.echo(printable(f"{name}: {line}"), err=True)
    said.add(line)
    return _Ended(code, by_store)
