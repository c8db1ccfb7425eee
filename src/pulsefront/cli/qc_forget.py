"""pulsefront qc forget: files and rows that count no longer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulsefront.cli.qc_inputs import Db, SiteFile
from pulsefront.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pulsefront.qc.site import Site
    from pulsefront.qc.store.database import Store
    from pulsefront.qc.store.forget import Forgotten

__all__ = ["forget"]

_LINES = re.compile(r"(?P<file>.+):(?P<lines>\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*)")


def forget(
    db: Db,
    why: Annotated[str, typer.Option(help="Why; it stays in the ledger.")],
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files by path, name or pattern; FILE:LINES (x.csv:12 or x.csv:10-20,25) for rows."
        ),
    ] = None,
    site: SiteFile = None,
    unit: Annotated[str, typer.Option(help="Rows of this unit.")] = "",
    component: Annotated[str | None, typer.Option(help="Rows of this component.")] = None,
    test: Annotated[str, typer.Option(help="Rows of this test.")] = "",
    first: Annotated[str, typer.Option("--from", help="Rows from this day on.")] = "",
    last: Annotated[str, typer.Option("--to", help="Rows up to this day.")] = "",
    *,
    again: Annotated[
        bool, typer.Option("--again", help="Read the files anew at the next ingest.")
    ] = False,
    all_versions: Annotated[
        bool,
        typer.Option(
            "--all-versions",
            help="Of files: whatever any content of them brought, not the present.",
        ),
    ] = False,
) -> None:
    """Withdraw files or rows: they count no longer, and stay in the ledger.

    A file stands for the rows that it holds now. Where its path held something else before (it
    grew, was mended or replaced), rows that only the earlier content held stay, and so does what
    was refused of it; --site is needed then, to read it once more. A new content of the path is
    read at the next ingest; to keep the file out, take it out of the folder or ignore it.

    Scores of earlier days stay as they are. A row that is withdrawn by its line, unit or test does
    not come back with a later export; a corrected value does.
    """
    from pulsefront.qc.site import Site
    from pulsefront.qc.store.database import Store
    from pulsefront.qc.store.forget import Forgotten, RowFilter, forget_rows
    from pulsefront.qc.times import DAY_S, end_of_day

    wanted = RowFilter(
        unit,
        component,
        test,
        end_of_day(first) - DAY_S if first else 0,
        end_of_day(last) if last else 0,
    )
    if not targets and not wanted.says_something:
        raise ConfigError(
            "nothing says what is to be forgotten",
            field="FILE, --unit, --test",
            remedy="give files, lines of files, or the rows of a unit or test",
        )
    if targets and wanted != RowFilter():
        raise ConfigError(
            "files and rows cannot be given together",
            field="FILE, --unit, --component, --test, --from, --to",
            remedy="run the command twice",
        )
    settings = Site.from_toml(site) if site else Site()
    total = Forgotten()
    with Store(db, must_exist=True) as store:
        if not targets:
            total = forget_rows(store, wanted, why=why)
        for target in targets or ():
            total += _forget_target(
                store, target, settings, why, again=again, all_versions=all_versions
            )
    typer.echo(
        f"withdrawn: {total.files} files, {total.records} records; "
        f"{total.held} rows in quarantine dropped"
    )


def _forget_target(
    store: Store, target: str, site: Site, why: str, *, again: bool, all_versions: bool
) -> Forgotten:
    from pulsefront.qc.store.forget import forget_file, forget_lines

    match = _LINES.fullmatch(target)
    if match is None or Path(target).exists():
        return forget_file(
            store, target, why=why, again=again, site=site, all_versions=all_versions
        )
    lines = list(_lines(match["lines"]))
    return forget_lines(store, Path(match["file"]), lines, site, why=why)


def _lines(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)
