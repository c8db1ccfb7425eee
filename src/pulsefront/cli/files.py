"""Files that users write: a start of each, a check of each, the meaning of every key."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["check", "help_key", "new", "schema"]

STUDIES = ("position", "timing", "crystal", "motion")
OTHERS = (
    "evaluation",
    "detector",
    "material",
    "manifest",
    "mapping",
    "failure_tables",
    "board",
    "front_end",
    "pickoff",
)


def new(
    kind: Annotated[
        str,
        typer.Argument(help=f"{', '.join(STUDIES)} for a study; or {', '.join(OTHERS)}."),
    ],
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Measured files, for a manifest: one per source position."),
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(help="Detector of a study or manifest: one that ships, by name, or a file."),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            help="The shipped detector, material, board or front end to begin with; of an "
            "evaluation the run directory of the development study."
        ),
    ] = None,
    labels: Annotated[
        str, typer.Option(help="What a manifest's positions are for: position or timing.")
    ] = "position",
    source: Annotated[str, typer.Option(help="Source of a manifest.")] = "Na-22",
    name: Annotated[str | None, typer.Option(help="Name inside the file; from --out.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write. Default: KIND.toml here.")
    ] = None,
) -> None:
    """Write a complete, commented file to begin with: a study, detector, manifest or mapping.

    What must be chosen is filled in with values that work; everything else that the file could
    say stands in it as a comment with its default. For example:

    pulsefront new position --detector lyso_slabs_1x8 --out mine.toml

    pulsefront new detector --like lyso_pixels_8x8 --out my_detector.toml
    """
    from pulsefront.errors import ConfigError
    from pulsefront.files import write_text
    from pulsefront.studies.files import start, start_inputs

    path = out or Path(f"{kind}.toml")
    start_inputs.require_new(path)
    name = name or start_inputs.name_from(path)
    if kind in STUDIES:
        if detector is None and kind != "motion":
            raise ConfigError(
                "a study needs a detector",
                field="--detector",
                remedy="name one that ships, or a file: pulsefront new detector begins one",
            )
        text = start.new_study(kind, detector, name)
    elif kind == "evaluation":
        if like is None:
            raise ConfigError(
                "an evaluation needs a finished development study",
                field="--like",
                remedy="name its run directory: pulsefront new evaluation --like out/NAME",
            )
        text = start.new_evaluation(Path(like), name, folder=path.parent)
    elif kind in ("detector", "material"):
        shipped = "lyso_monolithic_50x50x16" if kind == "detector" else "lyso"
        text = start_inputs.new_description(kind, like or shipped, name)
    elif kind == "manifest":
        if not files:
            raise ConfigError(
                "a manifest needs measured files",
                field="FILES",
                remedy="name them: pulsefront new manifest run1/*.csv",
            )
        text = start_inputs.new_manifest(
            labels, files, folder=path.parent, source=source, detector=detector or "detector 1"
        )
    elif kind == "mapping":
        text = start_inputs.new_mapping()
    elif kind == "failure_tables":
        text = start_inputs.new_failure_tables()
    elif kind == "board":
        text = start_inputs.new_board(like or "zcu102", name)
    elif kind == "front_end":
        text = start_inputs.new_front_end(like or "timing_lyso_pair")
    elif kind == "pickoff":
        text = start_inputs.new_pickoff()
    else:
        raise ConfigError(
            "no such kind of file",
            field="KIND",
            value=kind,
            remedy=f"one of {', '.join((*STUDIES, *OTHERS))}",
        )
    write_text(path, text)
    typer.echo(f"{path}: look through it, then pulsefront check {path}")


def check(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Studies, evaluations, detectors, materials, manifests, mappings, failure "
            "tables, boards, front ends, pickoffs; or names of shipped studies."
        ),
    ],
    *,
    probe: Annotated[
        bool,
        typer.Option(help="Simulate some hundred events of a study to see whether they saturate."),
    ] = True,
) -> None:
    """List everything that is missing or wrong in FILES, with line numbers; nothing is run.

    Of a study that includes what would stop it later: a detector without the readout that it
    needs, a budget or a number of vectors out of reach, absent files and packages, and events
    that saturate. Exit code 2 where anything is wrong.
    """
    from pulsefront.errors import PulsefrontError
    from pulsefront.studies.files.check import check_file

    wrong = 0
    for path in files:
        try:
            found = check_file(path, probe=probe)
        except PulsefrontError as error:
            typer.echo(str(error), err=True)
            wrong += 1
            continue
        for problem in found.problems:
            typer.echo(str(problem), err=True)
        wrong += len(found.problems)
        count = len(found.problems)
        said = "nothing missing or wrong" if not count else f"{count} problem{'s' * (count > 1)}"
        typer.echo("; ".join([f"{path}: {found.kind}, {said}", *found.notes]))
    if wrong:
        sys.exit(2)


def schema(
    kind: Annotated[str, typer.Argument(help=f"study, {', '.join(OTHERS)}: the kind of file.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write. Default: to the terminal.")
    ] = None,
) -> None:
    """Print the JSON schema of a KIND of file, by which editors complete and check it.

    Editors with Taplo (Even Better TOML) read it where a file begins with #:schema ./study.json:

    pulsefront schema study --out study.json
    """
    import json

    from pulsefront.files import write_json
    from pulsefront.studies.files.kinds import kind_of_name

    content = kind_of_name(kind).schema()
    if out is None:
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    write_json(out, content)
    typer.echo(f"{out}: the schema of {kind} files")


def help_key(
    key: Annotated[
        str | None,
        typer.Argument(help="A key such as pitch_mm, or its path: scan.light_map.pitch_mm."),
    ] = None,
) -> None:
    """Tell what a KEY of a file means; without one, which files there are."""
    from rich.console import Console

    from pulsefront.studies.files.keys import find_keys
    from pulsefront.studies.files.kinds import FILE_KINDS

    console = Console(highlight=False, soft_wrap=True)
    if key is None:
        for kind in FILE_KINDS:
            console.print(f"[bold]{kind.name}[/bold]: {kind.what}", markup=True)
        console.print("pulsefront help KEY tells what a key means; pulsefront new begins a file.")
        return
    for found in find_keys(key):
        default = f"default {found.default.strip('`')}" if found.default else "must be given"
        where = ", ".join(found.files)
        console.print(found.path, style="bold", markup=False)
        console.print(f"    {found.meaning or 'see its keys'}", markup=False)
        console.print(f"    {found.plain_type}; {default}; in {where}", markup=False)
