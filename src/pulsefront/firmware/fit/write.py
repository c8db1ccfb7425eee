"""The choices of a model as files: ``fit.json``, and the figure as PNG and SVG."""

from __future__ import annotations

from pathlib import Path

from pulsefront.files import write_bytes, write_json, write_text
from pulsefront.firmware.fit.demand import RESOURCES
from pulsefront.firmware.fit.design import Choice, percent, quantity
from pulsefront.firmware.fit.table import Fit
from pulsefront.report.figures.fit import FitCell, fit_map
from pulsefront.report.style import png_of
from pulsefront.report.svg import svg_of

__all__ = ["write_fit"]


def write_fit(found: Fit, folder: str | Path) -> None:
    """Write ``fit.json``, ``fit.png`` and ``fit.svg`` into *folder*, which is made if absent."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    boards = list(dict.fromkeys(one.demand.label for one in found.choices))
    rates = sorted({one.demand.rate_hz for one in found.choices})
    cells = {(one.demand.label, one.demand.rate_hz): _cell(one) for one in found.choices}
    origins = dict.fromkeys(one.design.origin for one in found.choices)
    figure = fit_map(
        [[cells[board, rate] for rate in rates] for board in boards],
        boards,
        [quantity(rate) for rate in rates],
        title=f"{found.model}: {', '.join(origins)}",
    )
    write_json(folder / "fit.json", found.to_json())
    write_bytes(folder / "fit.png", png_of(figure))
    alt = f"Share of each part that {found.model} takes at each rate"
    write_text(folder / "fit.svg", svg_of(figure, alt))


def _cell(one: Choice) -> FitCell:
    if not one.fits:
        return FitCell(one.shortfall, fits=False, text=f"{one.strategy}\n{_short(one)}")
    shares = one.shares
    most = max(shares, key=lambda name: shares[name])
    perhaps = ", perhaps" if one.worst_share > 1 else ""
    words = [f"{percent(shares[most])} {RESOURCES[most]}{perhaps}", f"{one.latency_ns:,.0f} ns"]
    return FitCell(shares[most], fits=True, text="\n".join([one.strategy, *words]))


def _short(one: Choice) -> str:
    """Return what is missing, in a word and a factor."""
    short = one.shortfalls
    worst = max(short, key=lambda name: short[name])
    return f"{short[worst]:.3g} × {RESOURCES.get(worst, worst)}"
