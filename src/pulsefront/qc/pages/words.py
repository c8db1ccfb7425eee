"""Words and numbers as all pages write them."""

from __future__ import annotations

__all__ = ["MODEL_NAMES", "level", "spoken"]

MODEL_NAMES = {
    "age": "age only",
    "shewhart": "Shewhart chart",
    "ewma": "EWMA chart",
    "cusum": "CUSUM chart",
    "hazard": "discrete-time hazard",
    "network": "classic small network",
    "boosting": "gradient-boosted trees",
    "prior": "prior model, of simulated fleets",
    "blend": "blend of prior, EWMA chart and the site's own models",
}


def level(confidence: float) -> str:
    """Return a confidence level as *95%*."""
    return f"{100.0 * confidence:g}%"


def spoken(name: str) -> str:
    """Return the name of a feature, a test or a cause in words."""
    return name.replace("_", " ").replace(":", ": ")
