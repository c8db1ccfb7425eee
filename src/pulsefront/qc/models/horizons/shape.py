"""What to expect of the hazards by days ahead before a site has failures of its own.

How a hazard follows the log-odds of a model is no straight line: below some score lie failures that
no reading announces, above another the failure is certain but not its day. The shape was measured
on simulated fleets of many kinds, and so was how far fleets lie apart, and how far the later part
of a fleet's time lies from the earlier. **It has seen no real scanner.** The blend has a shape of
its own: it adds what the site's models say to what the prior says, so its log-odds reach further.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from pulsefront.config import validate
from pulsefront.errors import ConfigError
from pulsefront.files import sim_data_directory, write_text
from pulsefront.qc.documents import Document
from pulsefront.qc.features.labels import Target
from pulsefront.qc.models.horizons.curve import Bends
from pulsefront.qc.models.horizons.fit import EVEN_SPREAD, Expected

__all__ = [
    "NODES",
    "SPAN_DAYS",
    "WHOLE_SHARE",
    "HorizonPrior",
    "HorizonShape",
    "expected_horizons",
    "expected_of",
    "read_horizons",
    "shipped_horizons",
    "write_horizons",
]

Floats = npt.NDArray[np.float64]

NODES = (-7.0, -5.5, -4.0, -2.5, -1.0, 0.5, 2.0, 4.0)
"""Log-odds between which a hazard is straight."""

SPAN_DAYS = Target().span_days
"""Days of the window that these log-odds are about."""

WHOLE_SHARE = 0.9999
"""Of the blend: with more, it is the prior alone."""


class HorizonShape(Document):
    """Log-odds of the hazards (interval, node) of one model, and the failures they are from.

    The others are as `horizon_fit.Expected` has them: how far fleets lie apart, in all intervals
    together and in each beyond that, and what came in the last part of their time beside what the
    parts before had promised.
    """

    failures: int
    hazard: tuple[tuple[float, ...], ...]
    deviation: float
    slope_deviation: float
    own: float
    own_slope: float
    shift: tuple[float, ...] = (0.0,) * len(NODES)
    drift: float = 0.0


class HorizonPrior(Document):
    """The file: shapes of the prior model and of the blend over their log-odds at nodes."""

    format: Literal["pulsefront-qc-horizons"] = "pulsefront-qc-horizons"
    format_version: int = 1
    pulsefront: str
    simulated: Literal[True] = True
    first_seed: int
    fleets: int
    scanners: int
    score: tuple[float, ...] = NODES
    prior: HorizonShape
    blend: HorizonShape


def expected_horizons(
    name: str,
    shares: Mapping[str, float],
    span_days: int,
    *,
    known: HorizonPrior | None = None,
) -> Expected:
    """Return what to expect of a candidate's hazards.

    Parameters
    ----------
    shares
        Of the blend's parts: where it is the prior alone, it has the prior's shape.
    span_days
        The window that the log-odds are about. Those of another than was measured are moved by the
        logarithm of the ratio, as those of the prior model are.
    known
        What was measured; what ships if left out.
    """
    if name != "prior" and (name != "blend" or "prior" not in shares):
        return EVEN_SPREAD
    known = known or shipped_horizons()
    alone = name == "prior" or shares["prior"] > WHOLE_SHARE
    shape = known.prior if alone else known.blend
    return expected_of(np.array(known.score) + np.log(span_days / SPAN_DAYS), shape)


def expected_of(score: Floats, shape: HorizonShape) -> Expected:
    """Return a shape with its nodes at some log-odds *score* (node,) as what to expect."""
    return Expected(
        Bends(score, np.array(shape.hazard)), shape.deviation, shape.slope_deviation,
        shape.own, shape.own_slope, shift=np.array(shape.shift), drift=shape.drift,
    )  # fmt: skip


def write_horizons(known: HorizonPrior, path: Path) -> None:
    """Write what was measured as JSON."""
    write_text(path, json.dumps(known.model_dump(mode="json"), separators=(",", ":")) + "\n")


def read_horizons(path: Path) -> HorizonPrior:
    """Return what was measured from a file.

    Raises
    ------
    ConfigError
        The file is missing or no such file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"tells nothing of horizons: {error}",
            file=path,
            remedy="make it with pulsefront qc models horizons",
        ) from None
    return validate(HorizonPrior, content, file=path)


@cache
def shipped_horizons() -> HorizonPrior:
    """Return what ships."""
    return read_horizons(sim_data_directory() / "priors" / "horizons.json")
