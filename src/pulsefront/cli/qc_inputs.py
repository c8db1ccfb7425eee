"""pulsefront qc: logs into the store, what was refused, how files are read."""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulsefront.errors import ConfigError, QCDataError
from pulsefront.progress import progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulsefront.qc.store.files.held import HeldRow
    from pulsefront.qc.store.ingest import IngestResult

__all__ = ["ingest", "init", "new_mapping", "quarantine"]

Db = Annotated[str, typer.Option("--db", help="Database: a SQLite file, or postgresql://…")]
SiteFile = Annotated[Path | None, typer.Option("--site", help="The site's file, site.toml.")]

EXIT_PARTIAL = 6

# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def init(
    site_dir: Annotated[Path, typer.Argument(help="Folder to make or complete.")],
) -> None:
    """Make a site's folder: site.toml, an empty store, systemd service and timer, crontab line."""
    from pulsefront.qc.nightly.site_folder import init_site

    for path in init_site(site_dir):
        typer.echo(f"wrote {path}")
    typer.echo("next: describe your scanners in site.toml, copy logs into logs/, then")
    typer.echo("  pulsefront qc ingest, backtest, train; and enable the timer or the crontab line")


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files.")],
    db: Db,
    site: SiteFile = None,
    *,
    must_exist: Annotated[
        bool, typer.Option("--must-exist", help="Make no new store where there is none.")
    ] = False,
) -> None:
    """Read QC logs into the store; each record once, whatever cannot be read with its reason.

    Exit codes: 0 done, 2 usage, 3 data invalid, no file, no database or no room on the disk, 5
    another job or program works on the store, 6 of some files nothing could be read, and of the
    others all.
    """
    from pulsefront.qc.site import Site
    from pulsefront.qc.store.database import Store
    from pulsefront.qc.store.ingest import find_files
    from pulsefront.qc.store.ingest import ingest as run_ingest

    settings = Site.from_toml(site) if site else Site()
    found = {path: find_files([path]) for path in paths}
    files = sorted({file for some in found.values() for file in some})
    with Store(db, must_exist=must_exist) as store, progress("reading", "bytes") as report:
        if store.made:
            typer.echo(f"made a new store: {db}")
        result = run_ingest(
            store, files, settings, site_folder=site.parent if site else Path(), report=report
        )
    tell_ingest(result)
    empty = [path for path, some in found.items() if not some]
    for path in empty if files else ():
        typer.echo(printable(f"note: {path}: no file was found"), err=True)
    if not files:
        raise QCDataError(
            "no file was found",
            file=empty[0],
            remedy="check that the exports arrive there, and that the path is the right one",
        )
    if result.is_partial:
        raise typer.Exit(EXIT_PARTIAL)


def tell_ingest(result: IngestResult) -> None:
    """Say what became of the files of an ingest, and of every row."""
    counts = result.counts
    known = sum(file.known for file in result.files)
    passed = sum(bool(file.passed) for file in result.files)
    over = f", {passed} passed over" if passed else ""
    typer.echo(
        f"{len(result.files)} files, {known} known already, {len(result.refused)} refused{over}"
    )
    formats = Counter(file.format for file in result.files if file.format)
    if formats:
        typer.echo("read as: " + ", ".join(f"{n} {name}" for name, n in formats.most_common()))
    typer.echo(
        f"records: {counts.new} new, {counts.replaced} corrected, {counts.duplicate} duplicate, "
        f"{counts.passed} passed over, {counts.withdrawn} withdrawn, {counts.quarantined} "
        f"quarantined; {counts.rows} of {result.rows} accounted for; {counts.late} of the new ones "
        "late"
    )
    reasons: Counter[str] = Counter()
    for file in result.files:
        reasons.update(file.passed_rows)
    if reasons:
        said = ", ".join(f"{n} {reason}" for reason, n in sorted(reasons.items()))
        typer.echo(f"passed over: {said}")
    for note in result.notes:
        typer.echo(printable(f"note: {note}"), err=True)
    for why, names in _by_reason(result).items():
        more = f" and {len(names) - 1} others" if len(names) > 1 else ""
        typer.echo(printable(f"passed over: {names[0]}{more}: {why}"), err=True)
    for file in result.files:
        for note in file.notes:
            typer.echo(printable(f"note: {file.path.name} {note}"), err=True)
        if file.withdrawn:
            text = f"{file.withdrawn} records that it gave before count no longer"
            typer.echo(printable(f"note: {file.path.name}: {text}"), err=True)
        if file.counts.quarantined and not file.refused:
            text = f"{file.counts.quarantined} of {file.rows} rows are in quarantine"
            typer.echo(printable(f"quarantined: {file.path}: {text}"), err=True)
    for file in result.refused:
        again = " (as before)" if file.known else ""
        typer.echo(printable(f"refused{again}: {file.path}: {file.refused}"), err=True)


def _by_reason(result: IngestResult) -> dict[str, list[str]]:
    """Return the files that were passed over, by the reason."""
    found: dict[str, list[str]] = {}
    for file in result.files:
        if file.passed:
            found.setdefault(file.passed, []).append(file.path.name)
    return found


def quarantine(
    db: Db,
    file: Annotated[str, typer.Option(help="Only rows of files whose path holds this.")] = "",
    reason: Annotated[str, typer.Option(help="Only rows whose reason holds this.")] = "",
    since: Annotated[
        str, typer.Option(help="Only rows refused on this day (YYYY-MM-DD) or later.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="File to write, JSON or CSV by its name.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV, for spreadsheets.")] = False,
) -> None:
    """List what was refused: file, line, reason, and what to do about it."""
    from pulsefront.files import write_text
    from pulsefront.qc.store.database import Store
    from pulsefront.qc.store.files.held import held_rows
    from pulsefront.qc.times import DAY_S, end_of_day

    if as_json and as_csv:
        raise ConfigError("one form at a time", field="--json, --csv", remedy="give one of them")
    since_s = end_of_day(since) - DAY_S if since else 0
    with Store(db, must_exist=True) as store:
        rows = held_rows(store, file=file, reason=reason, since_s=since_s)
    if out is not None:
        write_text(out, _json(rows) if out.suffix.lower() == ".json" else _csv(rows))
        typer.echo(f"{len(rows)} rows in quarantine; wrote {out}")
        return
    if as_json or as_csv:
        typer.echo(_json(rows) if as_json else _csv(rows), nl=False)
        return
    for row in rows:
        place = f"{row.file or row.name}:{row.line}" if row.line else row.file or row.name
        typer.echo(printable(f"{place}: {row.reason}"))
        if row.remedy:
            typer.echo(printable(f"    {row.remedy}"))
        if row.content and row.line:
            typer.echo(printable(f"    | {row.content}"))
    typer.echo(f"{len(rows)} rows in quarantine")


def _json(rows: Sequence[HeldRow]) -> str:
    return json.dumps(list(map(_told, rows)), indent=2, ensure_ascii=False) + "\n"


def _csv(rows: Sequence[HeldRow]) -> str:
    buffer = io.StringIO()
    names = ("file", "line", "reason", "remedy", "content", "since", "retry")
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _harmless(cell) for name, cell in _told(row).items()})
    return buffer.getvalue()


def _told(row: HeldRow) -> dict[str, str | int]:
    from pulsefront.qc.times import iso_time

    since, retry = (iso_time(at) if at > 1 else "" for at in (row.since_at, row.retry_at))
    return {
        "file": row.file or row.name,
        "line": row.line,
        "reason": row.reason,
        "remedy": row.remedy,
        "content": row.content,
        "since": since,
        "retry": retry,
    }


def _harmless(cell: str | int) -> str | int:
    """Return a cell that no spreadsheet runs: content comes out of logs."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def new_mapping(
    file: Annotated[Path, typer.Argument(help="Table to look at.")],
    into: Annotated[
        Path | None, typer.Option(help="site.toml to add the mapping to, instead of showing it.")
    ] = None,
) -> None:
    """Write a commented mapping for a table, from a look at it; check every line of it."""
    from pulsefront.files import write_text
    from pulsefront.qc.readers.new_mapping import new_mapping as written
    from pulsefront.qc.site import Site

    if not file.is_file():
        raise ConfigError("no such file", file=file, remedy="check the path")
    text = written(file)
    if into is None or "[mappings." not in text:
        typer.echo(text, nl=False)
        return
    site = Site.from_toml(into) if into.exists() else Site()
    pattern, mappings = site.mappings_of(file)
    if mappings:
        raise ConfigError(
            f"has a mapping for {pattern!r} already, which fits the file",
            file=into,
            remedy="change that one",
        )
    before = into.read_text(encoding="utf-8").rstrip("\n") + "\n\n" if into.exists() else ""
    trial = into.with_name(f".{into.name}.trial")
    write_text(trial, before + text)
    try:
        Site.from_toml(trial)
    except ConfigError as error:
        # A site file that cannot be read would stop the ingest of every scanner.
        command = f"pulsefront qc new-mapping {shlex.quote(str(file))}"
        raise ConfigError(
            f"does not show enough for a mapping: {error.problem}",
            file=file,
            remedy=f"complete by hand what {command} shows; {into.name} is as it was",
        ) from None
    finally:
        trial.unlink()
    write_text(into, before + text)
    typer.echo(f"added a mapping for {file.name} to {into}; check every line of it")


def printable(text: str) -> str:
    """Return a text that no terminal obeys: names and content come out of logs."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
