"""What happens to the charges of an event before the network, in integers: one sum, mirrors, bits.

The order is that of the position front end: charges are brought to one sum, turned by the mirrors
of the block, and lose their lowest bits. How they are turned is seen from the charges as they
come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from pulsefront.errors import ConfigError
from pulsefront.fixed_point.fold import Mirrors
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.fixed_point.normalise import SumNormalisation
from pulsefront.fixed_point.specification import Specification

__all__ = ["ChargePreparation", "note_preparation", "noted_preparation"]


@dataclass(frozen=True)
class ChargePreparation:
    """Charges of so many unsigned ``bits`` become the integers that a network reads.

    Attributes
    ----------
    normalised_sum
        To which the charges of every event are brought; None: they stay as they are.
    fold
        Mirrors by which every event is turned; None: none is.
    drop_bits
        Lowest bits that are left out, rounded down.
    classes
        Grid of the network's classes, which turn as the channels do; None: its first two outputs
        are x and y.

    Raises
    ------
    ConfigError
        No bit is left.
    """

    bits: int
    normalised_sum: int | None = None
    fold: Mirrors | None = None
    drop_bits: int = 0
    classes: Mirrors | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.drop_bits < self.bits:
            raise ConfigError(
                f"charges of {self.bits} bits have none left",
                field="drop_bits",
                value=self.drop_bits,
            )

    @property
    def format(self) -> FixedPointFormat:
        """Of what the network reads: its step is that of the lowest bit that is left."""
        return FixedPointFormat(self.bits - self.drop_bits, self.bits, signed=False)

    @property
    def normalisation(self) -> SumNormalisation | None:
        """What brings an event to one sum."""
        if self.normalised_sum is None:
            return None
        return SumNormalisation(self.normalised_sum, self.bits)

    def apply(self, charges: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
        """Return what the network reads of charges (event, channel), all channels."""
        given, found = np.asarray(charges), np.asarray(charges)
        if self.normalisation is not None:
            whole = FixedPointFormat(self.bits, self.bits, signed=False)
            found = self.normalisation.apply(given, whole)
        if self.fold is not None:
            found = self.fold.folded(found, self.fold.turns(given))
        return found >> self.drop_bits

    def back(self, charges: npt.NDArray[np.integer], outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return a network's *outputs* (…, event, element) as the block stood before the turns."""
        if self.fold is None:
            return outputs
        turns = self.fold.turns(charges)
        if self.classes is not None:
            return self.classes.unfolded(outputs, turns)
        flat = outputs.reshape(-1, *outputs.shape[-2:])
        return np.stack([self.fold.back(one, turns) for one in flat]).reshape(outputs.shape)

    @property
    def words(self) -> str:
        """What happens to the charges, in words; empty where nothing does."""
        found = []
        if self.normalised_sum is not None:
            found.append(f"brought to a sum of {self.normalised_sum}")
        if self.fold is not None:
            part = "octant" if self.fold.diagonal else "quadrant"
            found.append(f"turned into one {part} by the mirrors of the block, the answer back")
        if self.drop_bits:
            found.append(f"without their {self.drop_bits} lowest bits")
        return "; ".join(found)

    def document(self) -> dict[str, Any]:
        """Return what an export says of it; empty where the network reads charges as they are."""
        found: dict[str, Any] = {}
        if self.normalised_sum is not None:
            found["normalised_sum"] = self.normalised_sum
        if self.fold is not None:
            found["fold"] = "square" if self.fold.diagonal else "rectangle"
            found["grid"] = [self.fold.columns, self.fold.rows]
            if self.classes is not None:
                found["classes"] = [self.classes.columns, self.classes.rows]
        if self.drop_bits:
            found["drop_bits"] = self.drop_bits
        return {"charge_bits": self.bits, **found} if found else {}

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Self | None:
        """Return what `document` says, among other things; None where it says nothing."""
        bits = document.get("charge_bits")
        if bits is None:
            return None
        grid = document.get("grid")
        drop, total = document.get("drop_bits", 0), document.get("normalised_sum")
        if grid is None:
            return cls(bits, total, None, drop)
        diagonal, of_classes = document["fold"] == "square", document.get("classes")
        classes = None
        if of_classes is not None:
            classes = Mirrors(of_classes[0], of_classes[1], diagonal=diagonal)
        return cls(bits, total, Mirrors(grid[0], grid[1], diagonal=diagonal), drop, classes)


_NOTED: WeakKeyDictionary[Specification, ChargePreparation] = WeakKeyDictionary()


def note_preparation(model: Specification, preparation: ChargePreparation) -> None:
    """Note what happens before a model that was made here, for as long as the model lives.

    It is no part of the model, and no file of the model has it.
    """
    _NOTED[model] = preparation


def noted_preparation(model: Specification) -> ChargePreparation | None:
    """Return what was noted of a model; None where nothing was."""
    return _NOTED.get(model)
