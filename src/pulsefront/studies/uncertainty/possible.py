"""What has to be there for uncertainty per event; asked before anything is trained."""

from __future__ import annotations

import math

from pulsefront.errors import ConfigError
from pulsefront.evaluate.conformal import least_events
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.uncertainty.settings import UncertaintySettings

__all__ = ["require_errors", "require_selection"]

OF_CLASSES = {"shares", "parts", "false_rate"}
"""What classes take of [uncertainty]."""


def require_errors(kind: StudyKind) -> None:
    """Refuse a head for a kind of study whose events have no error in the unit of the outputs.

    Raises
    ------
    ConfigError
        Names the kinds that have, or keys of a head where classes are told by their margin.
    """
    settings = kind.study.uncertainty
    if settings is None:
        return
    if kind.study.has_head and not kind.loss_in_output_unit:
        raise ConfigError(
            f"a {kind.study.kind} study has no error of an event that a head could foretell",
            remedy="leave [uncertainty] out, or study position, timing or crystals",
        )
    of_a_head = sorted(settings.model_fields_set - OF_CLASSES)
    if not kind.study.has_head and of_a_head:
        raise ConfigError(
            "classes are judged by the margin of their scores, and no head is trained",
            field=f"uncertainty.{of_a_head[0]}",
            remedy=f"leave out {', '.join(of_a_head)}",
        )


def require_selection(settings: UncertaintySettings, events: int) -> None:
    """Refuse too few selection events for the largest share of a region, or for a false rate.

    Raises
    ------
    ConfigError
        Says how many there have to be.
    """
    share = max(settings.shares)
    if events < least_events(share):
        raise ConfigError(
            f"a region for {share:g} of all events needs at least {least_events(share)} selection "
            f"events, and there are {events}",
            field="uncertainty.shares",
            value=share,
            remedy="simulate or measure more events, or ask for a smaller share",
        )
    if events * settings.false_rate < 1:
        raise ConfigError(
            f"tests that flag {settings.false_rate:g} of usual inputs need at least "
            f"{math.ceil(1 / settings.false_rate)} selection events, and there are {events}",
            field="uncertainty.false_rate",
            value=settings.false_rate,
            remedy="simulate or measure more events, or allow a larger rate",
        )
