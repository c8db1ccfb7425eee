"""What has to be there for uncertainty per event; asked before anything is trained."""

from __future__ import annotations

from pulsefront.errors import ConfigError
from pulsefront.evaluate.conformal import least_events
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.uncertainty.settings import UncertaintySettings

__all__ = ["require_errors", "require_selection"]


def require_errors(kind: StudyKind) -> None:
    """Refuse a head for a kind of study whose events have no error in the unit of the outputs.

    Raises
    ------
    ConfigError
        Names the kinds that have.
    """
    if kind.study.uncertainty is not None and not kind.loss_in_output_unit:
        raise ConfigError(
            f"a {kind.study.kind} study has no error of an event that a head could foretell",
            remedy="leave [uncertainty] out, or study position or timing",
        )


def require_selection(settings: UncertaintySettings, events: int) -> None:
    """Refuse too few selection events for the largest share of a region.

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
