"""The command that prints a mapping file to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["mapping"]


def mapping(
    file: Annotated[
        Path | None, typer.Argument(help="The table to be mapped: CSV, Parquet, NumPy, HDF5, ROOT.")
    ] = None,
) -> None:
    """Print a mapping file to begin with: an example, or one with the columns of a table.

    Mend names, units and meanings, save it, and give it with --mapping.
    """
    from pulsefront.events.readers.tables.mapping_example import EXAMPLE, example_for

    typer.echo(EXAMPLE if file is None else example_for(file), nl=False)
