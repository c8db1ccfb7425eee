"""The speed of light, where positions of a source become differences of times."""

from __future__ import annotations

__all__ = ["LIGHT_MM_PER_NS"]

LIGHT_MM_PER_NS = 299.792458
"""In vacuum; exact, by the definition of the metre."""
