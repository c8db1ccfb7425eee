"""How near estimates come to the truth: residuals, errors over position, bias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from pulsefront.report.style import (
    INK,
    MUTED,
    SEQUENTIAL,
    colour_bar,
    colour_of,
    legend,
    new_figure,
    percentile_limits,
    style_axes,
    title,
)

__all__ = ["bias_curves", "error_map", "residual_histograms"]

Float = NDArray[np.float64]


def residual_histograms(
    residuals: Mapping[str, ArrayLike],
    *,
    label: str,
    unit: str,
    fwhm: Mapping[str, float] | None = None,
    bins: int = 121,
    reach: float | None = None,
    log_panel: bool = True,
) -> Figure:
    """Draw the residual histograms of several estimators over each other.

    Parameters
    ----------
    residuals
        Name → (event,); values that are not finite are left out.
    label, unit
        Of the horizontal axis.
    fwhm
        Name → width, drawn as a bar at half of the curve's maximum and said in the legend.
    reach
        Half of the drawn range; four times the widest central half where left out.
    log_panel
        A second panel shows the tails on a logarithmic scale.
    """
    figure, panels = new_figure(7.6, 3.1, columns=2 if log_panel else 1)
    data = {name: _finite(values) for name, values in residuals.items()}
    if reach is None:
        widths = [np.subtract(*np.percentile(v, [75, 25])) for v in data.values() if v.size]
        reach = 4 * float(max(widths, default=1.0)) or 1.0
    edges = np.linspace(-reach, reach, bins + 1)
    for number, (name, values) in enumerate(data.items()):
        counts, _ = np.histogram(values, edges)
        density = counts / max(len(values), 1) / (edges[1] - edges[0])
        width = (fwhm or {}).get(name)
        text = name if width is None else f"{name}: {_digits(width)} {unit} FWHM"
        for axes in panels:
            axes.stairs(density, edges, color=colour_of(number), linewidth=1.5, label=text)
        if width is not None and counts.any():
            middle = float(edges[np.argmax(counts)] + (edges[1] - edges[0]) / 2)
            half = density.max() / 2
            ends = [middle - width / 2, middle + width / 2]
            panels[0].plot(ends, [half, half], color=colour_of(number), linewidth=1, alpha=0.7)
            panels[0].plot(ends, [half, half], "|", color=colour_of(number), ms=7, alpha=0.9)
    for axes in panels:
        axes.set_xlim(-reach, reach)
        axes.set_xlabel(f"{label} ({unit})")
    panels[0].set_ylabel(f"events per {unit}, normalized")
    panels[0].set_ylim(bottom=0)
    if log_panel:
        panels[1].set_yscale("log")
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside upper left",
        ncols=2,
        frameon=False,
        fontsize=8.5,
        labelcolor=INK,
    )
    return figure


def _digits(value: float) -> str:
    """Return three significant digits, without a bare point at the end."""
    return f"{value:#.3g}".rstrip(".")


def _finite(values: ArrayLike) -> Float:
    flat = np.asarray(values, dtype=np.float64).ravel()
    return flat[np.isfinite(flat)]


def error_map(
    position_mm: ArrayLike,
    errors_mm: Mapping[str, ArrayLike],
    *,
    bins: int | None = None,
    training_mm: ArrayLike | None = None,
    quantity: str = "median error",
) -> Figure:
    """Draw the median error over the face of the crystal, one map per estimator on one scale.

    Parameters
    ----------
    position_mm
        (event, 2) true positions.
    errors_mm
        Name → (event,) error.
    bins
        Squares along each side; left out, one per distinct position of a scan, or 25.
    training_mm
        (position, 2) positions used in training, marked with dots.
    """
    place = np.asarray(position_mm, dtype=np.float64)
    if bins is None:
        distinct = len(np.unique(place[:, 0]))
        bins = distinct if 1 < distinct <= 60 else 25
    maps = {name: _binned_median(place, np.asarray(e), bins) for name, e in errors_mm.items()}
    limits = percentile_limits(np.concatenate([grid.ravel() for grid, _ in maps.values()]), 2, 98)
    figure, panels = new_figure(min(2.7 * len(maps) + 0.7, 9.6), 2.9, columns=len(maps))
    image = None
    for axes, (name, (grid, extent)) in zip(panels, maps.items(), strict=True):
        style_axes(axes, grid="none")
        image = axes.imshow(
            grid.T,
            origin="lower",
            extent=extent,
            cmap=SEQUENTIAL,
            vmin=limits[0],
            vmax=limits[1],
            interpolation="nearest",
        )
        if training_mm is not None:
            dots = np.asarray(training_mm)
            axes.plot(dots[:, 0], dots[:, 1], ".", color="#ffffff", ms=1.6, alpha=0.7)
        title(axes, name)
        axes.set_xlabel("x (mm)")
    panels[0].set_ylabel("y (mm)")
    if image is not None:
        colour_bar(image, panels, f"{quantity} (mm)", shrink=0.85, extend="both")
    return figure


def _binned_median(
    place: Float, error: Float, bins: int
) -> tuple[Float, tuple[float, float, float, float]]:
    low, high = place.min(axis=0), place.max(axis=0)
    # Half a step of room, so that positions of a grid lie inside their squares.
    step = np.maximum((high - low) / max(bins - 1, 1), 1e-9)
    index = np.rint((place - low) / step).astype(np.int64)
    cell = index[:, 0] * bins + index[:, 1]
    order = np.lexsort((error, cell))
    cells, start, count = np.unique(cell[order], return_index=True, return_counts=True)
    grid = np.full(bins * bins, np.nan)
    ordered = error[order]
    grid[cells] = (ordered[start + (count - 1) // 2] + ordered[start + count // 2]) / 2
    edge = step / 2
    extent = (low[0] - edge[0], high[0] + edge[0], low[1] - edge[1], high[1] + edge[1])
    return grid.reshape(bins, bins), extent


def bias_curves(
    at: ArrayLike,
    residuals: Mapping[str, ArrayLike],
    *,
    label: str,
    residual_label: str,
    bins: int | Sequence[float] = 12,
    trained_at: ArrayLike | None = None,
    width: float = 7.2,
) -> Figure:
    """Draw the mean residual, with twice its standard error, over a quantity such as depth.

    Parameters
    ----------
    at
        (event,) the quantity; few distinct values (source offsets) are kept apart.
    residuals
        Name → (event,).
    trained_at
        Values that training has seen, marked on the horizontal axis.
    """
    figure, (axes,) = new_figure(width, 3.0)
    where = np.asarray(at, dtype=np.float64)
    distinct = np.unique(where)
    if isinstance(bins, int) and len(distinct) <= 40:
        middle = (distinct[:-1] + distinct[1:]) / 2
        edges = np.concatenate([[-np.inf], middle, [np.inf]])
    elif isinstance(bins, int):
        edges = np.quantile(where, np.linspace(0, 1, bins + 1))
        edges[-1] = np.inf
    else:
        edges = np.asarray(bins, dtype=np.float64)
    index = np.searchsorted(edges, where, side="right") - 1
    axes.axhline(0, color=MUTED, linewidth=0.8)
    room = 0.012 * float(np.ptp(where) or 1)
    for number, (name, values) in enumerate(residuals.items()):
        residual = np.asarray(values, dtype=np.float64)
        points = []
        for bin_number in range(len(edges) - 1):
            inside = residual[(index == bin_number) & np.isfinite(residual)]
            if len(inside) > 1:
                centre = where[index == bin_number].mean()
                error = inside.std(ddof=1) / np.sqrt(len(inside))
                points.append((centre, inside.mean(), 2 * error))
        if points:
            x, y, error = np.array(points).T
            shift = room * (number - (len(residuals) - 1) / 2)
            axes.errorbar(
                x + shift,
                y,
                error,
                fmt="o-",
                ms=3.5,
                linewidth=1.2,
                elinewidth=1,
                color=colour_of(number),
                label=name,
            )
    if trained_at is not None:
        seen = np.unique(np.asarray(trained_at, dtype=np.float64))
        transform = axes.get_xaxis_transform()
        axes.plot(
            seen, np.zeros(len(seen)), "^", color=MUTED, ms=5, transform=transform, label="trained"
        )
    axes.set_xlabel(label)
    axes.set_ylabel(residual_label)
    legend(axes, ncols=3, loc="best")
    return figure
