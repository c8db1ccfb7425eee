"""Pieces of Verilog text."""

from __future__ import annotations

import pytest

from pulsefront.firmware.rtl.language.verilog import resized
from pulsefront.fixed_point import FixedPointFormat


@pytest.mark.parametrize(
    ("width", "signed", "bits", "zeros", "text"),
    [
        (4, True, 4, 0, "x"),
        (4, True, 6, 0, "{{2{x[3]}}, x}"),
        (4, False, 6, 0, "{{2{1'b0}}, x}"),
        (4, True, 6, 2, "{x, {2{1'b0}}}"),
        (4, True, 5, 2, "{x[2:0], {2{1'b0}}}"),
        # A bus that the zeros fill has no bit of the number: there is no range of none in Verilog.
        (1, True, 2, 2, "{2{1'b0}}"),
        (3, True, 2, 3, "{2{1'b0}}"),
    ],
)
def test_a_number_in_so_many_bits(width, signed, bits, zeros, text) -> None:
    assert resized("x", FixedPointFormat(width, width, signed), bits, zeros) == text
