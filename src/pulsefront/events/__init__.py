"""Events: one container, its HDF5 store, readers of measured files, and point-source sets."""

from __future__ import annotations

from pulsefront.events.container import EventTable, Quantity, Status, mark

__all__ = ["EventTable", "Quantity", "Status", "mark"]
