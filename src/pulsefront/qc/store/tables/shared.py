"""What all tables of the QC store share: one collection, and the types of their columns."""

from __future__ import annotations

import sqlalchemy as sa

__all__ = ["Text", "Time", "metadata", "number", "text", "time"]

metadata = sa.MetaData()

Time = sa.BigInteger
"""Whole seconds since 1970-01-01 UTC, 0 where there is no such time."""

Text = sa.Text


def text(name: str, **more: object) -> sa.Column[str]:
    """Return a column of text that is empty unless something is said."""
    return sa.Column(name, Text, nullable=False, server_default="", **more)  # type: ignore[arg-type]


def time(name: str, **more: object) -> sa.Column[int]:
    """Return a column of instants that is 0 unless something is said."""
    return sa.Column(name, Time, nullable=False, server_default="0", **more)  # type: ignore[arg-type]


def number(name: str) -> sa.Column[int]:
    """Return a column of counts that begin at 0."""
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
