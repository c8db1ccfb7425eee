"""Residuals of a finished study as a histogram of `hist`, where that is installed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from pulsefront.errors import DataError, ToolMissing
from pulsefront.studies.folders import RunFolders

__all__ = ["residual_histogram"]

AXES = ("x", "y", "depth")

_RESIDUAL = re.compile(r"residual_(.+)_(mm|ps)")

SHOWN = 0.99
"""Share of the network's residuals that the bins hold; the rest are in those of overflow."""


def residual_histogram(directory: str | Path, *, bins: int = 100) -> Any:
    """Return the residuals of every estimator on the test events of a run, as a ``hist.Hist``.

    Its axes are ``estimator``; of positions ``axis``, with x, y and depth; and ``residual_mm`` or
    ``residual_ps``, estimate minus reference, symmetric about zero, with bins of under- and
    overflow. Events without an estimate are in none. ``h["network", "x", :]`` is one of them.

    Raises
    ------
    ToolMissing
        The package ``hist`` is not installed.
    DataError
        The directory holds no finished study, or one without residuals, such as of crystals.
    """
    try:
        import hist
    except ModuleNotFoundError:
        raise ToolMissing(
            "hist",
            needed_for="a histogram of residuals",
            install="install it with: pip install hist",
        ) from None
    file = RunFolders(Path(directory) / "steps").evaluation_arrays
    remedy = "name a directory that pulsefront run has finished, of positions or times"
    if not file.is_file():
        raise DataError("holds no test of a study", file=directory, remedy=remedy)
    with np.load(file) as arrays:
        named = {one: _RESIDUAL.fullmatch(one) for one in arrays.files}
        found = {match[1]: arrays[one] for one, match in named.items() if match is not None}
        unit = next((match[2] for match in named.values() if match is not None), "")
    if not found:
        raise DataError("holds no residuals", file=directory, remedy=remedy)
    first = np.abs(found.get("network", next(iter(found.values()))))
    end = float(np.nanquantile(first, SHOWN)) or 1.0
    known = [hist.axis.StrCategory(list(found), name="estimator")]
    positions = first.ndim == 2
    if positions:
        known.append(hist.axis.StrCategory(AXES[: first.shape[1]], name="axis"))
    value = hist.axis.Regular(
        bins, -end, end, name=f"residual_{unit}", label=f"estimate minus reference ({unit})"
    )
    histogram = hist.Hist(*known, value, storage=hist.storage.Int64())
    for estimator, residuals in found.items():
        columns = residuals.T if positions else residuals[None]
        for axis, column in zip(AXES, columns, strict=False):
            finite = column[np.isfinite(column)]
            where = (estimator, axis) if positions else (estimator,)
            histogram.fill(*where, finite)
    return histogram
