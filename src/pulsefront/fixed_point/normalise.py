"""Charges of every event brought to one sum, in integers alone.

What all channels lose alike (light yield, coupling, a bias voltage, the temperature) moves the sum
of an event and not the shares of its channels. A front end divides by the sum without a divider:
one reciprocal for an event, by restoring division, and one multiplication for each charge.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import FixedPointFormat, Integers

__all__ = ["SPARE_BITS", "SumNormalisation"]

SPARE_BITS = 2
"""Of the reciprocal beyond a charge's: a normalised charge is off by less than 2^−2 counts more
than its own rounding."""

MOST_BITS = 61
"""Of the dividend. No charge is above its sum, and no product above the dividend: with its rounding
it fits a signed integer of 64 bits."""

AT_ONCE = 16_384
"""Events worked on at once, which bounds the memory."""


@dataclass(frozen=True)
class SumNormalisation:
    """Charges x of sum S become (x·r + 2^(K−1)) / 2^K with r = R·2^K / S, both rounded down.

    R is ``total``, K two more than ``charge_bits``. Since 0 ≤ R·2^K / S − r < 1 a result is off
    from x·R / S by less than 1/2 + x / 2^K < 3/4. A sum below ``lowest_sum`` saturates r; of an
    event without any light all charges stay 0.

    Raises
    ------
    PrecisionError
        A sum is not positive, or a product would need more than 62 bits.
    """

    total: int
    charge_bits: int
    lowest_sum: int = 1

    def __post_init__(self) -> None:
        if self.total < 1 or self.lowest_sum < 1:
            raise PrecisionError("sums are positive", value=(self.total, self.lowest_sum))
        if self.dividend.bit_length() > MOST_BITS:
            raise PrecisionError(
                f"charges of {self.charge_bits} bits need more than {MOST_BITS} bits for this sum",
                value=self.total,
                remedy="bring them to a lower sum",
            )

    @property
    def shift(self) -> int:
        """K: the reciprocal is that of the sum times ``total`` times 2 to this."""
        return self.charge_bits + SPARE_BITS

    @property
    def dividend(self) -> int:
        """What is divided by the sum."""
        return self.total << self.shift

    @cached_property
    def reciprocal_bits(self) -> int:
        """Width of the reciprocal: that of the lowest sum; it saturates."""
        return max((self.dividend // self.lowest_sum).bit_length(), 1)

    def reciprocals(self, sums: npt.NDArray[np.integer]) -> Integers:
        """Return r of each sum, (event,)."""
        most = (1 << self.reciprocal_bits) - 1
        # By zero the divider of the hardware gives all ones: the largest, as below the lowest sum.
        found = np.where(sums > 0, self.dividend // np.maximum(sums, 1), most)
        return np.asarray(np.minimum(found, most), np.int64)

    def scaled(
        self, charges: npt.NDArray[np.integer], sums: npt.NDArray[np.integer], to: FixedPointFormat
    ) -> Integers:
        """Return charges (event, channel) of events with *sums* (event,), saturated to *to*."""
        factors = self.reciprocals(np.asarray(sums, np.int64))[:, None]
        half = 1 << (self.shift - 1)
        values = (np.asarray(charges, np.int64) * factors + half) >> self.shift
        return np.asarray(np.clip(values, to.minimum, to.maximum), np.int64)

    def apply(
        self, charges: npt.NDArray[np.integer], to: FixedPointFormat
    ) -> npt.NDArray[np.integer]:
        """Return charges (event, channel), all channels of each event, brought to one sum.

        They are saturated to *to*, of 31 bits at most.
        """
        small = to.minimum >= 0 and to.maximum < 1 << 16
        found = np.empty(charges.shape, np.uint16 if small else np.int32)
        for start in range(0, len(charges), AT_ONCE):
            some = charges[start : start + AT_ONCE]
            found[start : start + AT_ONCE] = self.scaled(some, some.sum(axis=1, dtype=np.int64), to)
        return found
