"""Names of other packages as identifiers of a model."""

from __future__ import annotations

import re

__all__ = ["identifier", "model_name"]

_OF_TOOLS = re.compile(r"(w|b|layer|config)\d+\w*")
"""Names that hls4ml gives arrays, layers and types of its own."""


def model_name(text: str) -> str:
    """Return a name for a model: small letters, digits and single underscores, a letter first."""
    word = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower()
    return word if word[:1].isalpha() else f"network_{word}".rstrip("_")


def identifier(text: str, taken: set[str], fallback: str) -> str:
    """Return a name of a tensor that is not yet *taken*, and take it.

    Every name has a number: no word of C++, VHDL or a tool has one that could be meant here.
    """
    word = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower()
    if not word[:1].isalpha() or _OF_TOOLS.fullmatch(word):
        word = f"{fallback}_{word}".rstrip("_")
    if not any(sign.isdigit() for sign in word) or word.endswith("_t"):
        word = f"{word}_1"
    found, number = word, 2
    while found in taken:
        found, number = f"{word}_{number}", number + 1
    taken.add(found)
    return found
