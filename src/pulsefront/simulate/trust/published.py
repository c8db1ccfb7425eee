"""Published detectors simulated like for like: what a paper measured beside what comes out here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from pulsefront.config import FrozenModel, load_toml, validate
from pulsefront.detector import Detector, load_detector
from pulsefront.errors import ConfigError
from pulsefront.evaluate.intervals import Interval
from pulsefront.files import sim_data_directory
from pulsefront.simulate.trust.changes import Changed, changed, with_changes
from pulsefront.simulate.trust.charges import measure_charges
from pulsefront.simulate.trust.positions import measure_positions
from pulsefront.simulate.trust.times import Pickoff, measure_ctr

__all__ = [
    "UNITS",
    "WITHIN",
    "Compared",
    "PublishedDetector",
    "PublishedFigure",
    "Quantity",
    "compare_published",
    "load_published",
    "published_names",
]

Quantity = Literal[
    "light_per_mev",
    "energy_resolution_percent",
    "ctr_fwhm_ps",
    "position_fwhm_mm",
    "depth_fwhm_mm",
]

UNITS: dict[str, tuple[str, str]] = {
    "light_per_mev": ("light", "avalanches or photoelectrons per MeV"),
    "energy_resolution_percent": ("energy resolution", "% FWHM"),
    "ctr_fwhm_ps": ("CTR", "ps FWHM"),
    "position_fwhm_mm": ("position", "mm FWHM"),
    "depth_fwhm_mm": ("depth", "mm FWHM"),
}
"""Name and unit of each quantity."""

WITHIN = {
    "light_per_mev": 0.25,
    "energy_resolution_percent": 0.15,
    "ctr_fwhm_ps": 0.15,
    "position_fwhm_mm": 0.25,
    "depth_fwhm_mm": 0.25,
}
"""How far from 1 the ratio may be before the page says that the two do not agree."""

# A call of 1,000 events is quick, one of 10,000 has intervals of a few per cent.
_SHARES = {"charges": 1.0, "times": 1.0, "positions": 3.0}


class PublishedFigure(FrozenModel):
    """One value that a paper gives."""

    quantity: Quantity
    """light_per_mev, energy_resolution_percent, ctr_fwhm_ps, position_fwhm_mm or depth_fwhm_mm"""
    value: Annotated[float, Field(gt=0)]
    """as published, in the unit of the quantity"""
    error: Annotated[float, Field(ge=0)] = 0.0
    """as published; 0 where the paper gives none"""
    what: str
    """in a few words: crystal, energy, whatever tells it from the others of the paper"""
    energy_kev: Annotated[float, Field(ge=20, le=2500)] = 511.0
    """of the gamma rays"""
    pickoff: Pickoff = "leading_edge"
    """of a CTR: leading_edge, or two_thresholds where the paper corrects by the rise"""
    fastest_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """of a CTR by two_thresholds: share of the pairs that is judged, those that rise fastest"""
    changes: Annotated[dict[str, Any], Field(default_factory=dict)]
    """constants of the detector that are others for this value, such as the size of the crystal"""


class PublishedDetector(FrozenModel):
    """A paper, the detector file that describes its set-up, and what it measured."""

    name: str
    """short: author and year"""
    source: str
    """authors, year, journal, volume, page"""
    doi: str = ""
    """where it is known"""
    read: str
    """how the values were checked: which text was read"""
    detector: str
    """name or path of the detector file"""
    not_stated: tuple[str, ...]
    """what the text that was read does not say, and the detector file takes from elsewhere"""
    figures: Annotated[tuple[PublishedFigure, ...], Field(min_length=1)]
    """the values"""


@dataclass(frozen=True)
class Compared:
    """One published value and the simulated one; ``ratio`` is simulated over published."""

    published: PublishedDetector
    figure: PublishedFigure
    simulated: Interval

    @property
    def ratio(self) -> Interval:
        """Simulated over published; the interval is that of the simulation alone."""
        return self.simulated.scaled(1.0 / self.figure.value)

    @property
    def agrees(self) -> bool:
        """Whether the ratio is as near to 1 as `WITHIN` asks."""
        return abs(self.ratio.value - 1.0) <= WITHIN[self.figure.quantity]

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers and words."""
        return {
            "name": self.published.name,
            "source": self.published.source,
            "doi": self.published.doi,
            "detector": self.published.detector,
            "quantity": self.figure.quantity,
            "what": self.figure.what,
            "published": self.figure.value,
            "published_error": self.figure.error,
            **self.simulated.as_dict("simulated"),
            **self.ratio.as_dict("ratio"),
            "within": WITHIN[self.figure.quantity],
            "agrees": self.agrees,
        }


def published_names() -> list[str]:
    """Return the published detectors that ship."""
    return sorted(path.stem for path in _folder().glob("*.toml"))


def load_published(name_or_path: str | Path) -> PublishedDetector:
    """Read a published detector by the name of a file that ships, or by path.

    Raises
    ------
    ConfigError
        There is no such file, or a key or value does not fit.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = _folder() / f"{path.name}.toml"
        if not path.exists():
            raise ConfigError(
                "no published detector of that name ships",
                value=str(name_or_path),
                remedy=f"there are: {', '.join(published_names())}; or name a TOML file",
            )
    return validate(PublishedDetector, load_toml(path), file=path)


def compare_published(
    published: PublishedDetector,
    *,
    events: int = 12_000,
    seed: int = 1,
    cache: str | Path | None = None,
    change: tuple[str, Changed] | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> list[Compared]:
    """Simulate every value of a published detector.

    Parameters
    ----------
    events
        Of each simulation: pairs, or pulses above half of the energy; positions take three times
        as many.
    change
        A constant of the detector and its other value.
    report
        Told what is simulated next.

    Raises
    ------
    ConfigError
        The detector file or a change does not fit.
    DataError
        Too few events.
    """
    detector = load_detector(published.detector)
    if change is not None:
        detector = changed(detector, *change)
    made: dict[str, dict[str, Interval]] = {}
    rows = []
    for figure in published.figures:
        report(f"{published.name}: {UNITS[figure.quantity][0]}, {figure.what}")
        kind = _kind(figure.quantity)
        key = f"{kind} {figure.energy_kev} {figure.pickoff} {figure.fastest_share} {figure.changes}"
        if key not in made:
            made[key] = dict(
                _simulated(
                    with_changes(detector, figure.changes), kind, figure, events, seed, cache
                )
            )
        rows.append(Compared(published, figure, made[key][figure.quantity]))
    return rows


def _kind(quantity: str) -> str:
    if quantity == "ctr_fwhm_ps":
        return "times"
    return "positions" if quantity in {"position_fwhm_mm", "depth_fwhm_mm"} else "charges"


def _simulated(
    detector: Detector,
    kind: str,
    figure: PublishedFigure,
    events: int,
    seed: int,
    cache: str | Path | None,
) -> Iterable[tuple[str, Interval]]:
    count = int(_SHARES[kind] * events)
    if kind == "times":
        ctr = measure_ctr(
            detector,
            pickoff=figure.pickoff,
            events=count,
            seed=seed,
            cache=cache,
            fastest_share=figure.fastest_share,
        )
        yield "ctr_fwhm_ps", ctr
    elif kind == "positions":
        places = measure_positions(detector, events=count, seed=seed, cache=cache)
        yield from _fields(places)
    else:
        charges = measure_charges(
            detector, energy_kev=figure.energy_kev, events=count, seed=seed, cache=cache
        )
        yield from _fields(charges)


def _fields(figures: object) -> Iterator[tuple[str, Interval]]:
    yield from vars(figures).items()


def _folder() -> Path:
    return sim_data_directory() / "published"
